"""What new rows are worth before any training: calibrated, and distilled for a few steps, against the base's tokens.

    python benchmarks/rows_before_training.py benchmarks/evidence_smollm2.yaml --arm distilled --steps 8 --out DIR

Reads a comparison's recipe (`hanhua evidence`), draws its texts, makes one arm's tokenizer and rows, and measures
held-out texts where that arm's curve would begin. A few minutes of one core, where the comparison itself takes an hour.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from measurement import add_json_option, write_measurement

from hanhua.artifacts.files import read_json
from hanhua.artifacts.manifest import Artifact
from hanhua.cli.evidence import load_evidence
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.continued_pretrain.prepare import prepare_data
from hanhua.continued_pretrain.retention.heldout_sets import HeldoutSet, by_set, load_sets, rows_of
from hanhua.continued_pretrain.retention.measure import bits_per_byte, increases, measure_nats
from hanhua.continued_pretrain.retention.settings import RetentionSettings
from hanhua.continued_pretrain.row_distillation import LOG, distill_rows
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.experiments.evidence.preparation import model_of, prepare


def main() -> None:
    given = _arguments()
    torch.set_num_threads(1)
    recipe = load_evidence(given.recipe)
    given.out.mkdir(parents=True, exist_ok=True)
    prepared = prepare(recipe, given.out)
    names = tuple(name for language in ("zh", "en", "code") for name in recipe.texts_of(language))
    watched = RetentionSettings(eval_steps=1, sets=(), heldout=names, max_set_bytes=given.set_bytes)
    sets = load_sets(watched, prepared.corpus.path)
    model, first = model_of(recipe, given.arm, prepared, given.out)
    config = recipe.training_of(given.arm, given.seed)
    assert config.row_distillation is not None
    rate = given.learning_rate or config.row_distillation.learning_rate
    fitting = config.row_distillation.model_copy(update={"steps": given.steps, "learning_rate": rate})
    config = config.model_copy(update={"row_distillation": fitting})
    began = time.process_time()
    nats: dict[str, Mapping[str, list[float]]] = {}
    training, accelerator = _model(model, config, first)
    nats["calibrated"] = _measured(training, sets, model, config, accelerator)
    work = given.out / f"rows-{given.seed}-{given.steps}-{rate:g}"
    work.mkdir(exist_ok=True)
    sequences = config.micro_batch_size * config.gradient_accumulation_steps
    data = prepare_data(config, prepared.corpus, model.path, work, batch_sequences=sequences, first_new_id=first)
    fitted = time.process_time()
    distill_rows(training, data, config, first, folder=model.path, out=work, accelerator=accelerator)
    fitted = time.process_time() - fitted
    nats["distilled"] = _measured(training, sets, model, config, accelerator)
    plain, accelerator = _model(prepared.base, config.model_copy(update={"row_distillation": None}), None)
    nats["base"] = _measured(plain, sets, prepared.base, config, accelerator)
    results = {
        "bytes": {one.name: sum(one.bytes) for one in sets},
        "pieces": {one.name: len(one.bytes) for one in sets},
        "bits_per_byte": {
            arm: {one.name: bits_per_byte(one, found[one.name]) for one in sets} for arm, found in nats.items()
        },
        "against_base": _against(sets, nats, "base"),
        "against_calibrated": _against(sets, {arm: nats[arm] for arm in ("calibrated", "distilled")}, "calibrated"),
        "fitting": {
            "learning_rate": rate,
            "steps": read_rows(work / "logs" / LOG),
            "tokens": given.steps * config.tokens_per_step,
            "processor_seconds": round(fitted, 1),
        },
        "processor_seconds": round(time.process_time() - began, 1),
    }
    print(results)
    write_measurement(__file__, given, results)


def _model(base: Artifact, config: ContinuedPretrainConfig, first: int | None) -> tuple[TrainingModel, Any]:
    shape = ModelShape.from_config(read_json(base.path / "config.json"))
    accelerator = make_accelerator(config.precision, parameters=shape.parameters)
    dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
    return build_training_model(base.path, config, first_new_id=first, dtype=dtype), accelerator


def _measured(
    module: TrainingModel, sets: list[HeldoutSet], model: Artifact, config: ContinuedPretrainConfig, accelerator: Any
) -> Mapping[str, list[float]]:
    rows = rows_of(sets, model.path, length=config.sequence_length, multiple=1)
    pieces = sum(len(one.bytes) for one in sets)
    with torch.autocast("cpu", torch.bfloat16, enabled=accelerator.mixed_precision == "bf16"):
        found = measure_nats(module, rows, accelerator, pieces=pieces, micro=config.micro_batch_size)
    shown = by_set(sets, found)
    print({one.name: round(bits_per_byte(one, shown[one.name]), 4) for one in sets}, flush=True)
    return shown


def _against(
    sets: list[HeldoutSet], nats: Mapping[str, Mapping[str, list[float]]], reference: str
) -> dict[str, dict[str, Any]]:
    """Return the increase of every set over one arm's, and of all Chinese ones together."""
    together = HeldoutSet("Chinese", False, tuple(text for one in sets if not one.retained for text in one.pieces))
    joined = {
        arm: {**found, "Chinese": [x for one in sets if not one.retained for x in found[one.name]]}
        for arm, found in nats.items()
    }
    return {
        arm: {name: asdict(one) for name, one in increases([*sets, together], joined[reference], found).items()}
        for arm, found in joined.items()
        if arm != reference
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arm", default="distilled", help="an arm of the recipe that has row_distillation")
    parser.add_argument("--steps", type=int, default=8, help="steps of fitting, each on the texts of one of training")
    parser.add_argument("--learning-rate", type=float, help="of the rows; default: as in the recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set-bytes", type=int, default=1000, help="bytes of each held-out text that are measured")
    add_json_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
