"""The folder `recipes/`: the recipes that come with the package, and the quickstart's texts next to them."""

from __future__ import annotations

from pathlib import Path

import hanhua


def shipped_folder() -> Path:
    """Return the folder of the shipped recipes: inside an installed package, or at the top of a clone."""
    package = Path(str(hanhua.__file__)).parent
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parents[1] / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package, by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}
