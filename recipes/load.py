"""From a recipe file to a typed recipe: `extends`, `${env:}`, overrides, and all mistakes at once."""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from hanhua.documents.readers import HUB_PREFIX
from hanhua.errors import InputError, RecipeError
from hanhua.recipes.consistency import check_consistency, is_path
from hanhua.recipes.places import At, Place, Tree, leaves, parse_value, read_tree
from hanhua.recipes.schema import Recipe

_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
TABLES: tuple[At, ...] = (
    ("corpora",),
    ("vocab_extension", "weights"),
    ("vocab_extension", "max_characters"),
    ("continued_pretrain", "weights"),
    ("restore", "scales"),
)
"""Mappings whose keys are the user's own; `null` takes an inherited entry away."""


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe with the place each of its values came from."""

    recipe: Recipe
    path: Path
    places: dict[At, Place]

    def origins(self) -> dict[str, str]:
        """Return `a.b.c` → the place that said so; what is missing is a default."""
        return {".".join(at): str(place) for at, place in self.places.items() if at}


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Read, merge and check a recipe.

    Raises RecipeError that lists every mistake with its line and column.
    """
    tree = _merge_parents(path, seen=())
    for override in overrides:
        _override(tree, override)
    _fill_environment(tree)
    _resolve_paths(tree)
    _drop_nulled_entries(tree)
    try:
        recipe = Recipe.model_validate(tree.data)
    except ValidationError as error:
        _explain(error, tree)
        raise RecipeError(tree.in_order()) from error
    check_consistency(recipe, tree)
    if tree.mistakes:
        raise RecipeError(tree.in_order())
    return LoadedRecipe(recipe, path, tree.places)


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}


def find_recipe(name: str) -> Path:
    """Return the file of a recipe given by path, or by the name of a shipped one."""
    path = Path(name)
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


def _merge_parents(path: Path, seen: tuple[Path, ...]) -> Tree:
    tree = read_tree(path)
    parent = tree.data.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise RecipeError([f"{tree.place(('extends',))}: extends: one file or shipped recipe, as a string"])
    if path.resolve() in seen:
        raise RecipeError([f"{tree.place(('extends',))}: extends: goes in a circle"])
    beside = path.parent / parent
    try:
        base = _merge_parents(beside if _is_file(beside) else find_recipe(parent), (*seen, path.resolve()))
    except InputError as error:
        raise RecipeError([f"{tree.place(('extends',))}: extends: {error}"]) from error
    base.data = _deep_merge(base.data, tree.data)
    base.places.update(tree.places)
    base.folders.update(tree.folders)
    base.mistakes += tree.mistakes
    return base


def _deep_merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _deep_merge(old, value) if both else deepcopy(value)  # type: ignore[arg-type]
    return merged


def _override(tree: Tree, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        tree.mistakes.append(f"-s {override}: expected key.subkey=value")
        return
    at = tuple(key.strip().split("."))
    here: Any = tree.data
    said = Place(f"-s {override}")
    for depth, step in enumerate(at[:-1], 1):
        if isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        elif isinstance(here, dict):
            if not isinstance(here.get(step), (dict, list)):
                here[step] = {}
                tree.places[at[:depth]] = said
            here = here[step]
        else:
            tree.mistakes.append(f"-s {override}: nothing to set at {step!r}")
            return
    value = parse_value(text)
    if isinstance(here, list):
        if not at[-1].isdigit() or int(at[-1]) >= len(here):
            tree.mistakes.append(f"-s {override}: the list has {len(here)} items, numbered from 0")
            return
        here[int(at[-1])] = value
    else:
        here[at[-1]] = value
    for inner in (at, *(inner for inner, _ in leaves(value, at))):
        tree.places[inner] = said
        tree.folders[inner] = Path.cwd()


def _fill_environment(tree: Tree) -> None:
    for at, value in list(leaves(tree.data)):
        if isinstance(value, str) and "\0" in value:
            tree.wrong(at, "holds a NUL character, which nothing may be named with")
            value = value.replace("\0", "")
            _set(tree.data, at, value)
        if not isinstance(value, str) or "${" not in value:
            continue
        for name in _ENV.findall(value):
            if name not in os.environ:
                tree.wrong(at, f"the environment variable {name} is not set")
            elif "token" in name.lower() or "secret" in name.lower():
                tree.wrong(at, f"{name} looks like a secret; recipes are published, so secrets stay out of them")
        filled = _ENV.sub(lambda match: os.environ.get(match[1], ""), value)
        if "${" in filled:
            tree.wrong(at, "the only substitution is ${env:NAME}")
        _set(tree.data, at, filled)


def _resolve_paths(tree: Tree) -> None:
    for at, value in list(leaves(tree.data)):
        if not isinstance(value, str) or not is_path(at):
            continue
        if value.startswith(HUB_PREFIX):
            continue
        beside = tree.folders.get(at, Path.cwd()) / value
        if _is_too_long(beside):
            tree.wrong(at, f"{value[:40]}…: no file or folder can have a name that long")
            _set(tree.data, at, value[:40])
        if Path(value).is_absolute() or _is_too_long(beside):
            continue
        may_be_hub = at[0] in ("base", "restore") or at[:3] == ("filtering", "harm", "guard")
        if may_be_hub and not beside.exists() and not value.startswith("."):
            continue  # a Hub id, or `llama3`
        _set(tree.data, at, str(beside.resolve()))


def _is_too_long(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


def _is_file(path: Path) -> bool:
    return not _is_too_long(path) and path.is_file()


def _drop_nulled_entries(tree: Tree) -> None:
    """Let a child recipe or `-s corpora.web=null` take an entry of a table away."""
    for at in TABLES:
        holder: Any = tree.data
        for step in at[:-1]:
            holder = holder.get(step) if isinstance(holder, dict) else None
        table = holder.get(at[-1]) if isinstance(holder, dict) else None
        if isinstance(table, dict):
            holder[at[-1]] = {name: value for name, value in table.items() if value is not None}


def _set(data: Any, at: At, value: Any) -> None:
    for step in at[:-1]:
        data = data[int(step)] if isinstance(data, list) else data[step]
    if isinstance(data, list):
        data[int(at[-1])] = value
    else:
        data[at[-1]] = value


EXPECTED = {
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "finite_number": "expected a number; null turns a limit off",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": "expected text; put quotes around what YAML reads as something else",
    "tuple_type": "expected a list, such as [a, b]",
    "list_type": "expected a list, such as [a, b]",
    "dict_type": "expected keys with values, such as {key: value}",
    "model_type": "expected keys with values, such as {key: value}",
    "model_attributes_type": "expected keys with values, such as {key: value}",
}


def _explain(error: ValidationError, tree: Tree) -> None:
    for problem in error.errors(include_url=False, include_context=True):
        at = _written(problem["loc"], tree)
        kind, given = problem["type"], problem.get("input")
        if kind == "extra_forbidden":
            known = _known_keys(at[:-1])
            near = _nearest(at[-1], known)
            hint = f"did you mean {near}?" if near else f"known here: {', '.join(sorted(known))}"
            tree.wrong(at, f"unknown key ({hint})")
        elif kind == "missing":
            tree.wrong(at, "missing, and it has no default")
        elif kind == "literal_error":
            expected = problem["ctx"]["expected"].replace("'", "")
            near = _nearest(str(given), re.split(r", | or ", expected))
            tree.wrong(at, f"{given!r} is not one of {expected}" + (f" (did you mean {near}?)" if near else ""))
        else:
            message = EXPECTED.get(kind) or problem["msg"].removeprefix("Value error, ")
            tree.wrong(
                at, message + ("" if isinstance(given, dict) and kind not in EXPECTED else f", found {_shown(given)}")
            )


def _nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word somebody may have meant; `english` for `en` too."""
    near = difflib.get_close_matches(word, known, n=1)
    begun = [name for name in known if len(name) > 1 and word.lower().startswith(name.lower())]
    return near[0] if near else max(begun, key=len, default=None)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _written(loc: tuple[int | str, ...], tree: Tree) -> At:
    """Return the path as written: pydantic adds the names of union members and `[key]` marks to its own."""
    at: At = ()
    data: Any = tree.data
    for number, step in enumerate(loc):
        last = number == len(loc) - 1
        inside = isinstance(data, dict) and step in data
        inside = inside or (isinstance(data, list) and isinstance(step, int) and step < len(data))
        if not inside and not (last and isinstance(data, dict)):
            continue
        at = (*at, str(step))
        data = data[step] if inside else None
    return at


def _known_keys(at: At) -> list[str]:
    """Return the field names of the section at `at`."""
    models: list[Any] = [Recipe]
    for step in at:
        inner: list[Any] = []
        for model in models:
            if isinstance(model, type) and issubclass(model, BaseModel):
                if step in model.model_fields:
                    inner += _members(model.model_fields[step].annotation)
            elif get_origin(model) in (dict, list, tuple):
                inner += _members(get_args(model)[1 if get_origin(model) is dict else 0])
        models = inner
    return [name for m in models if isinstance(m, type) and issubclass(m, BaseModel) for name in m.model_fields]


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        return [member for inner in get_args(annotation) for member in _members(inner)]
    return [annotation]
