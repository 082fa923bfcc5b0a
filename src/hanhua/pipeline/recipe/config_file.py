"""From a YAML file and options to one typed config: every mistake at once, paths from the file that names them.

Recipes and the commands that run one stage read their settings here.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hanhua.config_fields import At, leaves, path_mark, set_at
from hanhua.documents.readers import is_remote
from hanhua.errors import RecipeError
from hanhua.mistakes import mistakes_of
from hanhua.pipeline.recipe.source_positions import Place, Tree, parse_value, read_tree

Config = TypeVar("Config", bound=BaseModel)


def read_section(path: Path | None, section: str) -> Tree:
    """Return the settings of a file: the keys of one section of a recipe, or those of a whole recipe that has it.

    None: no file, so nothing is said. Raises RecipeError for a file that is missing or no mapping.
    """
    if path is None:
        return Tree({}, {})
    tree = read_tree(path)
    return tree.below(section) if isinstance(tree.data.get(section), dict) else tree


def set_option(tree: Tree, at: At, value: Any, option: str) -> None:
    """Put what an option of the command line says into a tree; its paths start at the current folder."""
    here: Any = tree.data
    for depth, step in enumerate(at[:-1], 1):
        if isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        elif isinstance(here, dict):
            if not isinstance(here.get(step), (dict, list)):
                here[step] = {}
                tree.places[at[:depth]] = Place(option)
            here = here[step]
        else:
            tree.mistakes.append(f"{option}: nothing to set at {step!r}")
            return
    if isinstance(here, list) and not (at[-1].isdigit() and int(at[-1]) < len(here)):
        tree.mistakes.append(f"{option}: the list has {len(here)} items, numbered from 0")
        return
    here[int(at[-1]) if isinstance(here, list) else at[-1]] = value
    for inner in (at, *(inner for inner, _ in leaves(value, at))):
        tree.places[inner] = Place(option)
        tree.folders[inner] = Path.cwd()


def set_override(tree: Tree, override: str) -> None:
    """Put `key.subkey=value` of an option -s into a tree."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        tree.mistakes.append(f"-s {override}: expected key.subkey=value")
        return
    set_option(tree, tuple(key.strip().split(".")), parse_value(text), f"-s {override}")


def resolve_paths(tree: Tree, config: type[BaseModel]) -> None:
    """Make every path absolute: from the folder of the file that names it, or the current one for options."""
    for at, value in list(leaves(tree.data)):
        mark = path_mark(config, at, value) if isinstance(value, str) else None
        if mark is None or is_remote(value):
            continue
        beside = tree.folders.get(at, Path.cwd()) / at_home(value)
        if is_too_long(beside):
            tree.wrong(at, f"{value[:40]}…: no file or folder can have a name that long")
            set_at(tree.data, at, value[:40])
            continue
        if mark.may_be_hub and not beside.exists() and not value.startswith((".", "~", "/")):
            continue  # a Hub repository, or a name that the stage knows
        set_at(tree.data, at, str(beside if Path(value).is_absolute() else beside.resolve()))


def validated(tree: Tree, config: type[Config], *, section: str = "") -> Config:
    """Return the typed config; RecipeError lists every mistake with its line and column, or its option."""
    at = (section,) if section else ()
    try:
        found = config.model_validate(tree.data)
    except ValidationError as error:
        for mistake in mistakes_of(error, config, tree.data, section=at):
            tree.wrong(mistake.at, mistake.message)
        raise RecipeError(tree.in_order()) from error
    if tree.mistakes:
        raise RecipeError(tree.in_order())
    return found


def read_config(tree: Tree, config: type[Config], *, section: str) -> Config:
    """Return the typed config of a tree that a command has put its options into."""
    resolve_paths(tree, config)
    return validated(tree, config, section=section)


def at_home(value: str) -> Path:
    """Return a path with `~` expanded; as it is for a user who has no home here."""
    try:
        return Path(value).expanduser()
    except RuntimeError:  # ~somebody who has no home here
        return Path(value)


def is_too_long(path: Path) -> bool:
    """Return whether a path is longer than the system allows, which every other question about it would fail on."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False
