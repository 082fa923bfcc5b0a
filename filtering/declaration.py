"""What the stage `filtering` says of itself."""

from __future__ import annotations

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.engine.checkpoint import FUNCTION, LIBRARIES
from hanhua.stage import RecipeView, Stage


def configure(recipe: RecipeView) -> FilteringConfig:
    """Return the recipe's section; without one texts are read and split, and nothing but empty ones is rejected."""
    config: FilteringConfig | None = recipe.section("filtering")
    return config or FilteringConfig(preset="none")


STAGE = Stage(
    name="filtering",
    makes="corpus",
    section=FilteringConfig,
    function=FUNCTION,
    output_version=4,
    libraries=LIBRARIES,
    reads_corpora=True,
    configure=configure,
)
