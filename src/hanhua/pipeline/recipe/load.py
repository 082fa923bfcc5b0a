"""From a recipe file to a typed recipe: `extends`, `${env:}`, overrides, and all mistakes at once."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.config_fields import At, leaves, set_at
from hanhua.errors import InputError, RecipeError
from hanhua.pipeline.recipe.config_file import at_home, is_too_long, resolve_paths, set_override
from hanhua.pipeline.recipe.consistency import check_consistency
from hanhua.pipeline.recipe.nulls import without_nulls
from hanhua.pipeline.recipe.salvage import UNKNOWN, Salvage
from hanhua.pipeline.recipe.schema import Recipe, recipe_class
from hanhua.pipeline.recipe.shipped import shipped_recipes
from hanhua.pipeline.recipe.source_positions import Place, Tree, read_tree, tree_of

_SECRET_NAME = re.compile(r"token|secret|passw|credential|api_?key|access_?key|private_?key|_key$", re.IGNORECASE)
_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe with the place each of its values came from."""

    recipe: Recipe
    path: Path
    places: dict[At, Place]

    def origins(self) -> dict[str, str]:
        """Return `a.b.c` → the place its value comes from; keys that are missing have their default."""
        return {".".join(at): str(place) for at, place in self.places.items() if at}


Check = Callable[[Recipe, Tree], None]
"""Notes, in the tree, what is wrong with a recipe as far as it is known."""


def load_recipe(
    path: Path, overrides: Sequence[str] = (), *, checks: Sequence[Check] = (), text: str | None = None
) -> LoadedRecipe:
    """Read, merge and check a recipe.

    checks: more of them, whose mistakes are told with all others (`READINESS`, for `hanhua validate`).
    text: of a recipe that is not in a file yet, in place of what `path` holds.
    Raises RecipeError that lists every mistake with its line and column.
    """
    tree = _merge_parents(path, seen=(), text=text)
    for override in overrides:
        set_override(tree, override)
    _fill_environment(tree)
    schema = recipe_class()
    resolve_paths(tree, schema)
    tree.data = without_nulls(tree.data, schema)
    found = Salvage(tree, schema)
    recipe = found.config_of()
    if isinstance(recipe, Recipe):
        check_consistency(recipe, found.places(), is_sure=found.is_sure)
        for check in checks:
            check(recipe, found.places())
    if tree.mistakes or not isinstance(recipe, Recipe):
        raise RecipeError(tree.in_order())
    return LoadedRecipe(recipe, path, tree.places)


def find_recipe(name: str) -> Path:
    """Return the file of a recipe given by path, or by the name of a shipped one."""
    path = at_home(name)
    if _is_file(path):
        return path
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    beside = [str(path.with_name(file.name)) for file in _recipes_in(path.parent)]
    near = difflib.get_close_matches(name, beside, n=1) or difflib.get_close_matches(path.stem, shipped, n=1)
    advice = f"did you mean {near[0]}? " if near else ""
    raise InputError(f"{name}: no such recipe file ({advice}shipped recipes: {', '.join(shipped)})")


def _recipes_in(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml"))
    except OSError:
        return []


def _merge_parents(path: Path, seen: tuple[Path, ...], text: str | None = None) -> Tree:
    tree = read_tree(path) if text is None else tree_of(text, path)
    parent = tree.data.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise RecipeError([f"{tree.place(('extends',))}: extends: one file or shipped recipe, as a string"])
    if path.resolve() in seen:
        raise RecipeError([f"{tree.place(('extends',))}: extends: goes in a circle"])
    beside = path.parent / at_home(parent)
    try:
        base = _merge_parents(beside if _is_file(beside) else find_recipe(parent), (*seen, path.resolve()))
    except InputError as error:
        raise RecipeError([f"{tree.place(('extends',))}: extends: {error}"]) from error
    base.data = _deep_merge(base.data, tree.data)
    base.places.update(tree.places)
    base.folders.update(tree.folders)
    base.mistakes += tree.mistakes
    base.lost |= tree.lost
    return base


def _deep_merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _deep_merge(old, value) if both else deepcopy(value)  # type: ignore[arg-type]
    return merged


def _fill_environment(tree: Tree) -> None:
    for at, value in list(leaves(tree.data)):
        if isinstance(value, str) and "\0" in value:
            tree.wrong(at, "holds a NUL character, which nothing may be named with")
            value = value.replace("\0", "")
            set_at(tree.data, at, value)
        if not isinstance(value, str) or "${" not in value:
            continue
        refused = _refused_names(tree, at, value)
        if refused:
            set_at(tree.data, at, UNKNOWN)  # never its value: a later message would print it
            tree.settled.add(at)
            continue
        filled = _ENV.sub(lambda match: os.environ.get(match[1], ""), value)
        if "${" in filled:
            tree.wrong(at, "the only substitution is ${env:NAME}")
        set_at(tree.data, at, filled)


def _refused_names(tree: Tree, at: At, value: str) -> bool:
    """Note every variable a value names that is not set or must not be read; return whether there is one."""
    before = len(tree.mistakes)
    for name in _ENV.findall(value):
        if _SECRET_NAME.search(name):
            tree.wrong(at, f"{name} looks like a secret; recipes are published, so secrets stay out of them")
        elif name not in os.environ:
            tree.wrong(at, f"the environment variable {name} is not set")
    return len(tree.mistakes) > before


def _is_file(path: Path) -> bool:
    return not is_too_long(path) and path.is_file()
