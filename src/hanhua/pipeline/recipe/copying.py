"""A shipped recipe copied for the user: the same text, with the paths of its data corrected."""

from __future__ import annotations

import os
from pathlib import Path

from hanhua.config_fields import leaves, path_mark
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.recipe.source_positions import read_tree


def rewritten_for(shipped: Path, target: Path) -> str:
    """Return the recipe's text with every relative data path rewritten to be right from `target`'s folder."""
    text = shipped.read_text(encoding="utf-8")
    for at, value in leaves(read_tree(shipped).data):
        if isinstance(value, str) and path_mark(Recipe, at, value) and list(shipped.parent.glob(value)):
            moved = os.path.relpath(shipped.parent / value, target.resolve().parent)
            text = text.replace(value, Path(moved).as_posix())
    return text
