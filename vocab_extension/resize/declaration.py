"""What the stage `resize` says of itself."""

from __future__ import annotations

from hanhua.stage import Input, RecipeView, Stage
from hanhua.vocab_extension.resize.config import ResizeConfig


def configure(recipe: RecipeView) -> ResizeConfig | None:
    """Return how rows begin, where there is both a new tokenizer and a model to give rows to."""
    base = recipe.section("base")
    if recipe.section("vocab_extension") is None or base is None or not base.has_model:
        return None
    config: ResizeConfig | None = recipe.section("resize")
    return config or ResizeConfig()


STAGE = Stage(
    name="resize",
    makes="resized",
    section=ResizeConfig,
    function="hanhua.vocab_extension.resize.stage:resize_model",
    output_version=1,
    inputs=(Input("base"), Input("tokenizer")),
    libraries=("torch", "transformers", "tokenizers", "safetensors", "numpy"),
    configure=configure,
)
