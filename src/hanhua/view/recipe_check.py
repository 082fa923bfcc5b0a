"""A recipe as it is typed: its mistakes by line, and, once it has none, what running it would take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hanhua.errors import HanhuaError, RecipeError
from hanhua.pipeline.planning.estimate import RecipeEstimate, estimate_recipe
from hanhua.pipeline.recipe.copying import rewritten_for
from hanhua.pipeline.recipe.load import LoadedRecipe, load_recipe
from hanhua.pipeline.recipe.readiness import READINESS
from hanhua.pipeline.recipe.shipped import shipped_recipes

LONGEST_RECIPE = 1 << 18
TYPED = "typed.yaml"
_PLACE = re.compile(r"(.*?):(\d+):(\d+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Slip:
    """One mistake. line, column: in the typed text, from 1; 0 for one of another file, which `message` names."""

    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Checked:
    """A typed recipe: its mistakes or, without any, its name and, where asked for, the estimate."""

    slips: tuple[Slip, ...]
    name: str = ""
    estimate: RecipeEstimate | None = None


def check_typed(text: str, *, folder: Path, thorough: bool) -> Checked:
    """Check a recipe's text as if it were a file in `folder`, from which its paths start.

    thorough: also what `hanhua validate` looks at on the disk, and what `hanhua plan` estimates.
    """
    path = folder / TYPED
    try:
        loaded = load_recipe(path, text=text, checks=READINESS if thorough else ())
    except RecipeError as error:
        return Checked(tuple(_slip(mistake, path) for mistake in error.mistakes))
    except HanhuaError as error:
        return Checked((Slip(0, 0, str(error)),))
    return _estimated(loaded) if thorough else Checked((), loaded.recipe.name)


def recipes_to_begin_with(folder: Path) -> Mapping[str, Path]:
    """Return the recipes a text may begin as: those in the folder, by file name, then the shipped ones, by name."""
    try:
        here = {path.name: path for path in sorted(folder.iterdir()) if _may_be_recipe(path)}
    except OSError:
        here = {}
    return {**here, **shipped_recipes()}


def text_to_begin_with(name: str, *, folder: Path) -> str:
    """Return the text of one of these, with the paths in a shipped one right from `folder`; "" for another name."""
    shipped, path = shipped_recipes().get(name), recipes_to_begin_with(folder).get(name)
    if path is None:
        return ""
    if path == shipped:
        return rewritten_for(path, folder / TYPED)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _may_be_recipe(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") and path.is_file() and path.stat().st_size <= LONGEST_RECIPE


def _slip(mistake: str, path: Path) -> Slip:
    found = _PLACE.fullmatch(mistake)
    if found is None or found[1] != str(path):
        return Slip(0, 0, mistake)
    return Slip(int(found[2]), int(found[3]), found[4].replace(f"{path}:", ""))


def _estimated(loaded: LoadedRecipe) -> Checked:
    try:
        return Checked((), loaded.recipe.name, estimate_recipe(loaded.recipe))
    except HanhuaError as error:
        return Checked((Slip(0, 0, str(error)),), loaded.recipe.name)
