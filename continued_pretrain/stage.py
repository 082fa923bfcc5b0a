"""The stage: check, pack, order, train, merge."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json
from hanhua.artifacts.store import check_free_space
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import STEP, ContinuedPretrainConfig, execution_settings
from hanhua.continued_pretrain.data_report import corpus_report, new_token_report, write_data_report
from hanhua.continued_pretrain.execution import make_accelerator, reproducible
from hanhua.continued_pretrain.further import load_finished, with_new_draw
from hanhua.continued_pretrain.launch import launch, wanted_processes
from hanhua.continued_pretrain.loop import Run
from hanhua.continued_pretrain.merge import merge_adapter, merge_weights, save_adapter
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.continued_pretrain.parallel import choose, place, sharded_modules
from hanhua.continued_pretrain.prepare import prepare_data
from hanhua.continued_pretrain.retention.watch import retention_facts
from hanhua.continued_pretrain.retention.watched_run import save_best_adapter, train_watched
from hanhua.continued_pretrain.row_distillation import distill_rows
from hanhua.continued_pretrain.self_distillation import self_distill
from hanhua.continued_pretrain.start import start_run
from hanhua.continued_pretrain.trackers import check_trackers
from hanhua.continued_pretrain.trained import trainable_parameters, whole
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.errors import HanhuaError, InputError
from hanhua.launched import is_launched
from hanhua.model_folder import check_sizes
from hanhua.progress import say
from hanhua.services import Services


def pretrain(
    config: ContinuedPretrainConfig, inputs: Mapping[str, Artifact], out: Path, *, services: Services
) -> dict[str, Any]:
    """Train inputs["model"] on the train split of inputs["corpus"]; leave `model/`, `adapter/` and `logs/` in `out`.

    New rows are those from the model's fact `first_new_id` on and no service is needed. See `pretrain_folder`.
    """
    first_new_id = inputs["model"].facts.get("first_new_id")
    return pretrain_folder(config, inputs["model"].part("model"), inputs["corpus"], out, first_new_id=first_new_id)


def pretrain_folder(
    config: ContinuedPretrainConfig, base: Artifact, corpus: Artifact, out: Path, *, first_new_id: int | None
) -> dict[str, Any]:
    """Train the model folder `base` on a Corpus, its token rows from `first_new_id` on as values of their own.

    Called again with the same `out` after a kill it resumes from the last checkpoint. Raises InputError
    for a Corpus or model that cannot be used, HanhuaError for a full disk or a loss that is not finite.
    """
    rows = check_sizes(base.path, first_new_id=first_new_id)
    check_trackers(config.report_to)
    weights = sum(entry.size for entry in base.files if entry.path.endswith(".safetensors"))
    check_free_space(out, weights * _copies(config))
    processes = wanted_processes(config)
    if processes > 1 and not is_launched():
        return launch(config, base, corpus, out, first_new_id=first_new_id, processes=processes)
    return train_folder(config, base, corpus, out, first_new_id=first_new_id, rows=rows)


def _copies(config: ContinuedPretrainConfig) -> int:
    """Return how many times the weights the output takes at its largest.

    The merged model and, where all weights are trained, two checkpoints with both moments, a half-written one, and the
    best weights twice while they change; one checkpoint more of self-distillation.
    """
    if config.mode == "full":
        return (10 if config.retention is None else 12) + (0 if config.self_distillation is None else 3)
    return 2 if config.merge else 0


def train_folder(
    config: ContinuedPretrainConfig,
    base: Artifact,
    corpus: Artifact,
    out: Path,
    *,
    first_new_id: int | None,
    rows: int | None = None,
) -> dict[str, Any]:
    """Train in this process, alone or as one of several; see `pretrain_folder`."""
    rows = check_sizes(base.path, first_new_id=first_new_id) if rows is None else rows
    new_rows = 0 if first_new_id is None else rows - first_new_id
    with reproducible(config.threads):
        shape = ModelShape.from_config(read_json(base.path / "config.json"))
        accelerator = make_accelerator(config.precision, parameters=shape.parameters)
        run, config = _what_stays(config, base, corpus), with_new_draw(config)
        checkpoints = Checkpoints(
            out / "work" / "checkpoints", run={}, keep=config.save_total_limit, keep_every=config.keep_every_steps
        )
        batch_sequences = step_sequences(config, checkpoints, processes=accelerator.num_processes)
        checkpoints.run = {**run, "batch_sequences": batch_sequences}
        with accelerator.main_process_first():  # it tokenizes, the others read
            data = prepare_data(
                config, corpus, base.path, out / "work", batch_sequences=batch_sequences, first_new_id=first_new_id
            )
        dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
        model = build_training_model(base.path, config, first_new_id=first_new_id, dtype=dtype)
        distill_rows(model, data, config, first_new_id, folder=base.path, out=out, accelerator=accelerator)
        self_distill(
            model, data, config, first_new_id, folder=base.path, out=out, accelerator=accelerator, run=checkpoints.run
        )
        load_finished(model, config, base_hash=base.content_hash)
        if accelerator.is_main_process:
            write_data_report(data, first_new_id=model.first_new_id, path=out / "logs" / "data.json")
        kind, why = choose(base.path, config, accelerator, new_rows=new_rows)
        if accelerator.is_main_process:
            say(f"continued_pretrain: {kind}: {why}")
        placed = place(model, accelerator, kind)
        started = start_run(model, placed, data, config, accelerator=accelerator, checkpoints=checkpoints, out=out)
        state = train_watched(started, corpus.path, base.path, out / "logs")
        trained = {name: whole(parameter) for name, parameter in trainable_parameters(model).items()}
        if accelerator.is_main_process:
            write_results(model, trained, config, base, out)
        save_best_adapter(started, state, out / "best_adapter", base_hash=base.content_hash)
        accelerator.wait_for_everyone()
        facts = {**training_facts(data, state, model, trained), "new_rows": new_rows, "vocab_size": rows}
        if config.retention is not None:
            facts["retention"] = retention_facts(state, out / "logs")
        return {**facts, **_execution(started)}


def _execution(run: Run) -> dict[str, Any]:
    """Return how training was executed."""
    accelerator = run.accelerator
    return {
        "threads": torch.get_num_threads(),
        "processes": accelerator.num_processes,
        "step_sequences": run.batch_sequences,
        "placement": run.placed.kind,
        "sharded_modules": sharded_modules(run.model),
        "device": accelerator.device.type,
        "precision": "fp32" if accelerator.mixed_precision == "no" else accelerator.mixed_precision,
    }


def _what_stays(config: ContinuedPretrainConfig, base: Artifact, corpus: Artifact) -> dict[str, Any]:
    """Return what may not change when a run is resumed; the number of sequences per step stays as it began."""
    decisive = config.model_dump(mode="json", exclude=execution_settings() | STEP)
    return {"config": decisive, "inputs": _hashes(base, corpus)}


def _hashes(base: Artifact, corpus: Artifact) -> dict[str, str]:
    return {"model": base.content_hash, "corpus": corpus.content_hash}


def step_sequences(config: ContinuedPretrainConfig, checkpoints: Checkpoints, *, processes: int) -> int:
    """Return the sequences per step: as when the run began, whatever number of processes resumes it."""
    each = config.micro_batch_size * processes
    begun = (checkpoints.stored_run() or {}).get("batch_sequences")
    if begun is None:
        return each * config.gradient_accumulation_steps
    if begun % each:
        raise InputError(
            f"the run was begun with {begun:,} sequences per step, which {processes} processes of "
            f"{config.micro_batch_size} cannot make; use a number of processes that divides "
            f"{begun // config.micro_batch_size:,}"
        )
    if begun != each * config.gradient_accumulation_steps:
        say(f"continued_pretrain: {begun:,} sequences per step, as when the run began")
    return int(begun)


def write_results(
    model: TrainingModel, trained: Mapping[str, Tensor], config: ContinuedPretrainConfig, base: Artifact, out: Path
) -> None:
    """Write `adapter/`, and the merged `model/` unless config says not to; only `model/` for whole weights."""
    shutil.rmtree(out / "model", ignore_errors=True)
    try:
        if config.mode in ("full", "embeddings"):
            merge_weights(base.path, trained, out / "model")
        else:
            # PEFT ties the head to new rows with LoRA only; otherwise it keeps the old matrix, so none is offered.
            readable = not (model.tied and config.mode in ("new_embeddings", "adapters+embeddings"))
            adapter = out / "adapter" if readable else out / "work" / "adapter"
            save_adapter(model, trained, adapter, base_hash=base.content_hash)
            if config.merge:
                merge_adapter(base.path, adapter, out / "model")
    except (OSError, SafetensorError) as error:
        free = shutil.disk_usage(out).free
        raise HanhuaError(
            f"{out}: the trained model could not be written ({error}); {free / 1e6:,.0f} MB are free there. "
            "Its last checkpoint is kept: free some space and run the same command again"
        ) from error


def training_facts(
    data: TrainingData, state: TrainState, model: TrainingModel, trained: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Return what was trained on, how often, and how it went; the same whatever the speed."""
    new = new_token_report(data, model.first_new_id)
    return {
        "tokens": state.tokens,
        "steps": state.step,
        "first_loss": state.first_loss,
        "last_loss": state.last_loss,
        "corpora": corpus_report(data),
        "new_token_share": new.get("share", 0.0),
        "new_tokens_seen": new,
        "trained_parameters": sum(tensor.numel() for tensor in trained.values()),
    }
