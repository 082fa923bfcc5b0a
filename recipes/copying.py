"""A shipped recipe as a file of the user's: the same text, with the paths of its data still right."""

from __future__ import annotations

import os
from pathlib import Path

from hanhua.recipes.consistency import is_path
from hanhua.recipes.places import leaves, read_tree


def rewritten_for(shipped: Path, target: Path) -> str:
    """Return the recipe's text with every relative data path rewritten to be right from `target`'s folder."""
    text = shipped.read_text(encoding="utf-8")
    for at, value in leaves(read_tree(shipped).data):
        if is_path(at) and isinstance(value, str) and list(shipped.parent.glob(value)):
            moved = os.path.relpath(shipped.parent / value, target.resolve().parent)
            text = text.replace(value, Path(moved).as_posix())
    return text
