"""Estimate of a recipe: hours, cost, memory, disk and tokens of each stage that would run.

Training is `continued_pretrain.estimate`'s closed form. Filtering and learning are estimated from the rates measured in
docs/results/. What is not known (the size of a whole Hub set, a base of unknown shape) is None and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hanhua.continued_pretrain.estimate import TrainingEstimate, estimate_training
from hanhua.continued_pretrain.hardware import Hardware
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.gguf_location import is_gguf_name
from hanhua.pipeline.planning.base_shapes import shape_of_base
from hanhua.pipeline.planning.stage_estimate import StageEstimate
from hanhua.pipeline.planning.synthesis_estimate import synthesis_stages
from hanhua.pipeline.planning.text_amounts import (
    BYTES_PER_TOKEN,
    chinese_bytes_per_token,
    corpus_bytes,
    extended_gain,
    new_rows,
    passes_over,
    training_tokens,
)
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.stages import stage_names
from hanhua.progress import data_size, duration

FILTER_BYTES_PER_SECOND = 5e6
"""Of one core, the middle of 0.9 to 14 MB/s over twenty corpora.

Source: docs/results/2026-11-23-filtering-speed-by-corpus.md.
"""
LEARN_BYTES_PER_SECOND = 1.2e6
"""Of two cores, on 100 MB of mixed text (docs/results/2026-11-26-learning-speed.md)."""
RESIZE_BYTES_PER_SECOND = 75e6
"""Of a disk shared with other work (docs/results/2026-11-24-resizing-8b.md)."""
CORPUS_ON_DISK = 0.35
"""Size of a zstd Corpus over that of its text."""


@dataclass(frozen=True)
class RecipeEstimate:
    """Every stage's, the tokens trained on, and whether training fits the hardware.

    passes: how many times over each corpus, where its size is known.
    """

    stages: Mapping[str, StageEstimate]
    tokens: int | None
    passes: Mapping[str, float]
    training: TrainingEstimate | None
    assumptions: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether training fits the devices; True where there is no training."""
        return self.training is None or self.training.fits

    def total(self, field: str, stages: list[str]) -> float | None:
        """Return the sum of what is known of some stages; None when nothing is."""
        values = [getattr(self.stages[stage], field) for stage in stages if stage in self.stages]
        known = [value for value in values if value is not None]
        return sum(known) if known else None


def estimate_recipe(recipe: Recipe, *, pilot: Mapping[str, Any] | None = None) -> RecipeEstimate:
    """Return what a recipe takes on the hardware it names. Uses no network and reads no text.

    pilot: what `hanhua synthesize --pilot` has found, for the stage `synthesis`.
    """
    hardware = recipe.hardware.machine()
    shape = base_shape(recipe)
    text_bytes = {name: corpus_bytes(corpus) for name, corpus in recipe.corpora.items()}
    per_token = {**BYTES_PER_TOKEN, "zh": chinese_bytes_per_token(shape)}
    tokens = training_tokens(recipe, text_bytes, per_token)
    training = None
    if recipe.continued_pretrain is not None and shape is not None and tokens is not None:
        training = estimate_training(
            shape,
            config=recipe.continued_pretrain,
            hardware=hardware,
            tokens=tokens,
            new_rows=new_rows(recipe),
            old_per_new=extended_gain(recipe),
        )
    weights = None if shape is None else weight_bytes(recipe, shape)
    order = stage_names()
    stages = [
        *_text_stages(recipe, text_bytes),
        *synthesis_stages(recipe, pilot),
        *_model_stages(recipe, weights, training, hardware),
    ]
    return RecipeEstimate(
        stages={stage.stage: stage for stage in sorted(stages, key=lambda one: order.index(one.stage))},
        tokens=tokens,
        passes=passes_over(recipe, text_bytes, tokens, per_token),
        training=training,
        assumptions=() if training is None else training.assumptions,
    )


def base_shape(recipe: Recipe) -> ModelShape | None:
    """Return the base's shape: of a toy model, a folder's or GGUF file's, or a Llama known by its name."""
    base = recipe.base
    if base is None or not base.has_model:
        return None
    if base.toy is not None:
        s = base.toy
        inner = s.intermediate_size or int(3.5 * s.hidden_size)
        return ModelShape(s.hidden_size, inner, s.layers, s.heads, s.kv_heads, dtype_bytes=4)
    return shape_of_base(str(base.model))


def weight_bytes(recipe: Recipe, shape: ModelShape) -> int:
    """Return the size of the resized model on disk, in the base's own dtype."""
    return shape.with_rows(new_rows(recipe)).parameters * shape.dtype_bytes


def _text_stages(recipe: Recipe, text_bytes: Mapping[str, float | None]) -> list[StageEstimate]:
    known = [size for size in text_bytes.values() if size is not None]
    unknown = [name for name, size in text_bytes.items() if size is None]
    total = sum(known)
    cores = recipe.hardware.cores
    note = f"{data_size(total)} of text at {FILTER_BYTES_PER_SECOND / 1e6:.0f} MB/s per core, {cores} cores"
    note += f"; size unknown: {', '.join(unknown)}" if unknown else ""
    hours = total / FILTER_BYTES_PER_SECOND / cores / 3600
    stages = [StageEstimate("filtering", hours, disk_bytes=int(total * CORPUS_ON_DISK), note=note)]
    if recipe.vocab_extension is not None:
        limits = recipe.vocab_extension.max_characters
        names = recipe.vocab_extension.corpora or [n for n, c in recipe.corpora.items() if c.language == "zh"]
        read = sum(min(text_bytes.get(name) or 3e8, limits.get(name, 10**12) * 3) for name in names)
        note = f"{data_size(read)} of Chinese text at {LEARN_BYTES_PER_SECOND / 1e6:.1f} MB/s"
        memory = int(min(3.6e9, 1.0e9 + read * 10))
        stages.append(
            StageEstimate(
                "vocab_extension",
                read / LEARN_BYTES_PER_SECOND / 3600,
                memory_bytes=memory,
                disk_bytes=30_000_000,
                note=note,
            )
        )
    return stages


def _model_stages(
    recipe: Recipe, weights: int | None, training: TrainingEstimate | None, hardware: Hardware
) -> list[StageEstimate]:
    stages: list[StageEstimate] = []
    if recipe.base is not None:
        here = is_gguf_name(recipe.base.model or recipe.base.tokenizer)
        note = "converted from a file that is here" if here else "depends on the speed of your network and the Hub"
        stages.append(StageEstimate("base", None, disk_bytes=weights, note=note))
    if recipe.vocab_extension is not None and recipe.base is not None and recipe.base.has_model:
        hours = None if weights is None else weights / RESIZE_BYTES_PER_SECOND / 3600
        note = f"written at {RESIZE_BYTES_PER_SECOND / 1e6:.0f} MB/s, in 0.4 GB of memory"
        stages.append(StageEstimate("resize", hours, memory_bytes=400_000_000, disk_bytes=weights, note=note))
    if recipe.continued_pretrain is not None:
        stages.append(_training_stage(weights, training, hardware))
    if recipe.chat_vector is not None:
        # The base comes with `base`; the instruct model as large lies in the Hub's cache, or in its own folder.
        note = "reads three models and writes one, at the speed of the disk"
        stages.append(StageEstimate("chat_vector", None, disk_bytes=weights, note=note))
    if recipe.eval is not None:
        stages.append(StageEstimate("eval", None, note="depends on its benchmarks; see docs/evaluation.md"))
    if recipe.release is not None:
        stages.append(StageEstimate("release", None, disk_bytes=0, note="shares the model's files"))
    return stages


def _training_stage(weights: int | None, training: TrainingEstimate | None, hardware: Hardware) -> StageEstimate:
    if training is None:
        return StageEstimate("continued_pretrain", None, note="the base's shape or the amount of text is unknown")
    checkpoints = 3 * 12 * training.trained_parameters  # values and both moments in fp32, two kept and one half-written
    fitting = (
        ""
        if not training.distillation_hours
        else f"; rows fitted first: {duration(training.distillation_hours * 3600)}"
    )
    return StageEstimate(
        "continued_pretrain",
        training.hours,
        device_hours=training.hours * hardware.devices,
        dollars=training.dollars,
        memory_bytes=training.memory_bytes,
        disk_bytes=None if weights is None else weights + checkpoints,
        note=f"{training.placement}: {training.why}; {training.tokens_per_second:,.0f} tokens/s{fitting}",
    )


def as_json(found: RecipeEstimate) -> dict[str, Any]:
    """Return an estimate as plain data."""
    from dataclasses import asdict

    return {
        "stages": [asdict(stage) for stage in found.stages.values()],
        "tokens": found.tokens,
        "passes": dict(found.passes),
        "fits": found.fits,
        "training": None if found.training is None else asdict(found.training),
        "assumptions": list(found.assumptions),
    }
