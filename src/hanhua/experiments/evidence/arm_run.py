"""One arm with one seed: trained on the common texts, measured on held-out ones. Killed, it goes on where it was.

`result.json` holds what was found, the same to the last bit after a kill; `times.json` what the clock said.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.bits import bits_of_nats
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.distillation_estimate import distillation_flops
from hanhua.continued_pretrain.estimate import training_flops_per_token
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.continued_pretrain.retention.settings import RetentionSettings
from hanhua.documents import Document, read_corpus
from hanhua.errors import HanhuaError, UsageError
from hanhua.experiments.evidence.jobs import Job
from hanhua.experiments.evidence.preparation import Prepared, model_of
from hanhua.experiments.evidence.recipe import EvidenceRecipe
from hanhua.experiments.evidence.texts import bytes_of
from hanhua.model_folder import load_tokenizer

RESULT, TIMES = "result.json", "times.json"
NO_RATE_SHARE = 10
"""A run at no rate is this many times shorter: it learns nothing however long it is."""
NO_RATE = 1e-60
"""Is 0 in single precision; the settings of training want a rate above 0.

1e-30 is not little enough: it turns the exact zeros that 4-bit weights are full of into 1e-31, which tips sums that lie
halfway between two floats, and so moves the bits of a document by up to 4e-7 of them.
"""
PROMPT_CHARACTERS = 48


def run_job(job: Job, recipe: EvidenceRecipe, prepared: Prepared, folder: Path, *, registered: str) -> None:
    """Train and measure one arm with one seed; leave its results in `folder`.

    A training that breaks off is a result too. registered: the hash of the preregistration it was run under.
    """
    from hanhua.continued_pretrain.stage import pretrain_folder

    out = folder / "arms" / job.name
    training = out / "training"
    training.mkdir(parents=True, exist_ok=True)
    began = time.time()
    model, first = model_of(recipe, job.arm, prepared, folder)
    config = _config(job, recipe, prepared, model.path)
    found: dict[str, Any] = {"preregistration": registered, "job": vars(job)}
    try:
        facts = pretrain_folder(config, model, prepared.corpus, training, first_new_id=first)
    except UsageError:
        raise
    except HanhuaError as error:
        write_json(out / RESULT, {**found, "broke_off": str(error).partition(". Last checkpoint")[0]})
        return
    trained = time.time()
    documents = _heldout(recipe, prepared.corpus.path)
    found |= measured(training / "model", recipe, documents, threads=config.threads)
    if job.kind == "no_rate":
        found["before"] = measured(model.path, recipe, documents, threads=config.threads)["documents"]
    before, flops = _flops(model.path, config, facts, prepared)
    found["curve"] = _curve(training / "logs", facts["steps"], bytes_of(recipe), flops, before=before)
    kept = ("steps", "tokens", "new_token_share", "trained_parameters", "first_loss", "last_loss")
    found["training"] = {**{name: facts[name] for name in kept}, "bytes": bytes_of(recipe), "flops": flops}
    times = {"seconds": round(time.time() - began, 2), "training_seconds": round(trained - began, 2)}
    write_json(out / TIMES, {**times, "curve": _seconds(training / "logs")})
    shutil.rmtree(out / "logs", ignore_errors=True)
    shutil.copytree(training / "logs", out / "logs")
    write_json(out / RESULT, found)
    shutil.rmtree(training)


def _config(job: Job, recipe: EvidenceRecipe, prepared: Prepared, model: Path) -> ContinuedPretrainConfig:
    config = recipe.training_of(job.arm, job.training_seed)
    steps = _steps(config, prepared.corpus.path, model)
    names = [name for language in ("zh", "en", "code") for name in recipe.texts_of(language)]
    watch = RetentionSettings(
        eval_steps=max(1, steps // recipe.curve_points),
        sets=(),
        heldout=tuple(names),
        max_set_bytes=recipe.curve_bytes,
        max_loss_increase=None,
    )
    changes: dict[str, Any] = {"retention": watch, "save_steps": min(config.save_steps, max(1, steps // 4))}
    if job.kind == "no_rate":
        tokens = max(1, steps // NO_RATE_SHARE) * config.tokens_per_step
        changes |= {"learning_rate": NO_RATE, "embedding_learning_rate": NO_RATE, "max_tokens": tokens, "phases": ()}
    return config.model_copy(update=changes)


def _steps(config: ContinuedPretrainConfig, corpus: Path, model: Path) -> int:
    """Return about how many steps the texts are, so that measurements lie evenly."""
    return max(1, int(_tokens(corpus, model) * config.epochs) // config.tokens_per_step)


def _tokens(corpus: Path, model: Path) -> int:
    """Return the tokens that a model's tokenizer makes of the texts to train on, with two marks per document."""
    texts = [document.text for document in read_corpus(corpus, split="train")]
    encoded = load_tokenizer(model).encode_batch_fast(texts, add_special_tokens=False)
    return sum(len(encoding.ids) + 2 for encoding in encoded)


def _heldout(recipe: EvidenceRecipe, corpus: Path) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {name: [] for name, text in recipe.texts.items() if text.heldout_documents}
    for document in read_corpus(corpus, split="heldout"):
        found[document.corpus].append(document)
    return {name: documents for name, documents in found.items() if documents}


def measured(
    folder: Path, recipe: EvidenceRecipe, documents: Mapping[str, Sequence[Document]], *, threads: int | None
) -> dict[str, Any]:
    """Return the bits of every held-out document, what cuts cost, and what continuations are like, of one model."""
    from hanhua.eval.engine.loaded_model import execution, load_model
    from hanhua.eval.engine.model_folder import open_model_folder
    from hanhua.eval.engine.runner import runner_of
    from hanhua.eval.language.likelihoods import score_documents
    from hanhua.eval.language.truncated_prompts import score_cuts

    chinese = [one for name, some in documents.items() if recipe.texts[name].language == "zh" for one in some]
    with execution(threads):
        runner = runner_of(load_model(open_model_folder("arm", folder, hash_of_content="unused")), batch_size=8)
        scored = {
            name: score_documents(
                runner, some, context_tokens=recipe.context_tokens, max_characters=recipe.piece_characters
            )
            for name, some in documents.items()
        }
        cuts = score_cuts(runner, chinese, max_prompts=recipe.truncated_prompts, seed=0)
        generated = _continued(runner, chinese[: recipe.generated_prompts], recipe.generated_tokens)
    return {
        "documents": {
            name: [{"id": one.id, "bytes": one.bytes, "bits": bits_of_nats(one.nats)} for one in some]
            for name, some in scored.items()
        },
        "cuts": [{"inside": cut.inside, "bits_lost": bits_of_nats(cut.nats_cut - cut.nats_whole)} for cut in cuts],
        "generated": generated,
    }


def _continued(runner: Any, documents: Sequence[Document], tokens: int) -> list[dict[str, Any]]:
    """Return of each continuation whether it goes round in circles, is valid text, and ended by itself."""
    from hanhua.eval.behavior.replies import loops
    from hanhua.eval.engine.requests import Sampling
    from hanhua.eval.plan import encode_prompt

    if not documents:
        return []
    prompts = [encode_prompt(runner.reader, one.text[:PROMPT_CHARACTERS], in_chat=False) for one in documents]
    return [
        {"loops": loops(one.text), "valid": "\ufffd" not in one.text, "stopped": one.finished}
        for one in runner.generate(prompts, Sampling(tokens))
    ]


def _flops(
    model: Path, config: ContinuedPretrainConfig, facts: Mapping[str, Any], prepared: Prepared
) -> tuple[float, float]:
    """Return the operations before the first step and of all, a phase that trains less counted as if it trained all."""
    shape = ModelShape.from_config(read_json(model / "config.json"))
    per_token = training_flops_per_token(shape, config, facts["new_rows"])
    if config.row_distillation is None and config.self_distillation is None:
        return 0.0, float(per_token * facts["tokens"])
    old_per_new = _tokens(prepared.corpus.path, prepared.base.path) / _tokens(prepared.corpus.path, model)
    sizes = {"tokens": facts["tokens"], "processes": facts["processes"]}
    before = distillation_flops(shape, config, facts["new_rows"], **sizes, old_per_new=old_per_new)
    return before, before + float(per_token * facts["tokens"])


def _curve(logs: Path, steps: int, total_bytes: int, flops: float, *, before: float) -> list[dict[str, Any]]:
    from hanhua.continued_pretrain.retention.watch import LOG
    from hanhua.continued_pretrain.train_log import read_rows

    return [
        {
            "bytes": round(total_bytes * row["step"] / steps),
            "flops": before + (flops - before) * row["step"] / steps,
            "bits_per_byte": {name: one["bits_per_byte"] for name, one in row["sets"].items()},
        }
        for row in read_rows(logs / LOG)
    ]


def _seconds(logs: Path) -> list[float]:
    """Return the seconds at each measurement of the curve: of fitting rows, and of training over all resumes."""
    from hanhua.continued_pretrain.retention.watch import LOG
    from hanhua.continued_pretrain.row_distillation import LOG as FITTING
    from hanhua.continued_pretrain.self_distillation import LOG as DISTILLING
    from hanhua.continued_pretrain.train_log import read_rows

    before = sum(float(rows[-1]["seconds"]) for name in (FITTING, DISTILLING) if (rows := read_rows(logs / name)))
    seconds = {row["step"]: float(row["seconds"]) for row in read_rows(logs / "train.jsonl")}
    return [before + seconds.get(row["step"], 0.0) for row in read_rows(logs / LOG)]
