"""The stage: check, pack, order, train, merge."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from hanhua.artifacts import Artifact
from hanhua.artifacts.store import check_free_space
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator, reproducible
from hanhua.continued_pretrain.folders import check_sizes
from hanhua.continued_pretrain.loop import train
from hanhua.continued_pretrain.merge import merge_adapter, save_adapter, save_whole
from hanhua.continued_pretrain.mixture import Mixture, order_mixture, resolve_weights, run_sequences
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.pack import PackedCorpus, pack_corpora, token_characters
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.errors import HanhuaError
from hanhua.skills import Skills


def pretrain(
    config: ContinuedPretrainConfig, inputs: Mapping[str, Artifact], out: Path, *, skills: Skills
) -> dict[str, Any]:
    """Train inputs["model"] on the train split of inputs["corpus"]; leave `model/`, `adapter/` and `logs/` in `out`.

    New rows are those from the model's fact `first_new_id` on; no skill is needed. See `pretrain_folder`.
    """
    first_new_id = inputs["model"].facts.get("first_new_id")
    return pretrain_folder(config, inputs["model"].part("model"), inputs["corpus"], out, first_new_id=first_new_id)


def pretrain_folder(
    config: ContinuedPretrainConfig, base: Artifact, corpus: Artifact, out: Path, *, first_new_id: int | None
) -> dict[str, Any]:
    """Train the model folder `base` on a Corpus, its token rows from `first_new_id` on as values of their own.

    Called again with the same `out` after a kill it goes on from the last checkpoint. Raises InputError
    for a Corpus or model that cannot be used, HanhuaError for a full disk or a loss that is not finite.
    """
    rows = check_sizes(base.path, first_new_id=first_new_id)
    # The merged model and, at their largest (all weights, with both moments), two checkpoints and a half-written one.
    weights = sum(entry.size for entry in base.files if entry.path.endswith(".safetensors"))
    check_free_space(out, weights * (10 if config.lora is None else 2))
    with reproducible(config.threads):
        accelerator = make_accelerator(config.precision)
        with accelerator.main_process_first():  # it tokenises, the others read
            data = prepare_data(config, corpus, base.path, out / "work", processes=accelerator.num_processes)
        dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
        model = build_training_model(base.path, config, first_new_id=first_new_id, dtype=dtype)
        run = {
            "config": config.model_dump(mode="json", exclude={"checkpoint_every_steps"}),
            "inputs": {"model": base.content_hash, "corpus": corpus.content_hash},
            "processes": accelerator.num_processes,
        }
        checkpoints = Checkpoints(out / "work" / "checkpoints", run=run)
        state = train(model, data, config, accelerator=accelerator, checkpoints=checkpoints, logs=out / "logs")
        if accelerator.is_main_process:
            write_results(model, base, out)
        accelerator.wait_for_everyone()
        rows_facts = {"new_rows": 0 if first_new_id is None else rows - first_new_id, "vocab_size": rows}
        execution = {"threads": torch.get_num_threads(), "processes": accelerator.num_processes}
        return {**training_facts(data, state, model), **rows_facts, **execution, "device": accelerator.device.type}


def prepare_data(
    config: ContinuedPretrainConfig, corpus: Artifact, model: Path, work: Path, *, processes: int
) -> TrainingData:
    """Tokenise what the run needs of a Corpus with the model's tokenizer and decide the order."""
    enough = None
    if config.max_tokens is not None and config.weights:
        # Two sequences more than its share, so that cutting to whole ones leaves enough.
        per_weight = config.max_tokens / sum(config.weights.values())
        enough = {n: int(w * per_weight) + 2 * config.sequence_tokens for n, w in config.weights.items()}
    packed = pack_corpora(
        corpus.path,
        corpus_hash=corpus.content_hash,
        tokenizer_folder=model,
        work=work,
        enough_tokens=enough,
        seed=config.seed,
    )
    rows = check_sizes(model, first_new_id=None)
    return TrainingData(
        packed,
        plan_mixture(config, packed, processes=processes),
        token_characters(model, rows=rows),
        config.sequence_tokens,
    )


def plan_mixture(config: ContinuedPretrainConfig, packed: Mapping[str, PackedCorpus], *, processes: int) -> Mixture:
    """Return the order of the whole run."""
    length = config.sequence_tokens
    sequences = {name: corpus.sequences(length) for name, corpus in packed.items()}
    shares = resolve_weights(config.weights, sequences, length=length)
    total = run_sequences(
        shares,
        sequences,
        max_tokens=config.max_tokens,
        epochs=config.epochs,
        length=length,
        step_sequences=config.micro_batch_sequences * config.gradient_accumulation * processes,
    )
    return order_mixture(shares, sequences, total=total, seed=config.seed)


def write_results(model: TrainingModel, base: Artifact, out: Path) -> None:
    """Write `adapter/` and the merged `model/`; only `model/` when all weights were trained."""
    shutil.rmtree(out / "model", ignore_errors=True)
    try:
        if model.adapted:
            save_adapter(model, out / "adapter", base_hash=base.content_hash)
            merge_adapter(base.path, out / "adapter", out / "model")
        else:
            save_whole(model, base.path, out / "model")
    except (OSError, SafetensorError) as error:
        free = shutil.disk_usage(out).free
        raise HanhuaError(
            f"{out}: the trained model could not be written ({error}); {free / 1e6:,.0f} MB are free there. "
            "Its last checkpoint is kept: free some space and run the same command again"
        ) from error


def training_facts(data: TrainingData, state: TrainState, model: TrainingModel) -> dict[str, Any]:
    """Return what was trained on, how often, and how it went; the same whatever the speed."""
    counts = data.mixture.counts()
    corpora = {
        name: {
            "tokens": counts[name] * data.length,
            "epochs": round(counts[name] / data.corpora[name].sequences(data.length), 4),
            "documents": len(data.corpora[name].starts_D),
            "share": round(counts[name] / len(data.mixture), 4),
        }
        for name in data.mixture.names
    }
    return {
        "tokens": state.tokens,
        "steps": state.step,
        "first_loss": state.first_loss,
        "last_loss": state.last_loss,
        "corpora": corpora,
        "new_token_share": data.share_from(model.first_new_id),
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
