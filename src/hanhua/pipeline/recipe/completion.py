"""Values that one section of a recipe takes from another when it does not set them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hanhua.continued_pretrain.config import ContinuedPretrainConfig, PriceSettings
from hanhua.filtering.config import FilteringConfig
from hanhua.pipeline.recipe.schema import Recipe


def completed(recipe: Recipe) -> Recipe:
    """Return the recipe with what its sections take from one another filled in."""
    changes: dict[str, Any] = {
        "filtering": _filtering(recipe),
        "continued_pretrain": _training(recipe),
    }
    return recipe.model_copy(update={name: value for name, value in changes.items() if value is not None})


def _filtering(recipe: Recipe) -> FilteringConfig | None:
    """Return the section with the evaluation's questions: what the recipe measures on must not be trained on."""
    config = recipe.filtering
    if config is None or config.preset == "none" or config.decontamination.benchmarks or recipe.eval is None:
        return config
    local = [path for one in recipe.eval.benchmarks for path in (one.path, one.data) if path is not None]
    asked = {"benchmarks": tuple(path for path in local if Path(path).exists())}
    return config.model_copy(update={"decontamination": config.decontamination.model_copy(update=asked)})


def _training(recipe: Recipe) -> ContinuedPretrainConfig | None:
    """Return the section with the corpora's weights and the price of the hardware."""
    config = recipe.continued_pretrain
    if config is None:
        return None
    if not config.weights:
        weights = {name: corpus.weight for name, corpus in recipe.corpora.items()}
        config = config.model_copy(update={"weights": weights})
    if config.price is None:
        config = config.model_copy(update={"price": training_price(recipe)})
    return config


def training_price(recipe: Recipe) -> PriceSettings | None:
    """Return what a device of the recipe's hardware costs, for the cost shown during training; None where unknown."""
    hardware = recipe.hardware.machine()
    if not hardware.price_per_device_hour:
        return None
    return PriceSettings(dollars_per_hour=hardware.price_per_device_hour, device=hardware.kind)
