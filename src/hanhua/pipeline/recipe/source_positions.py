"""YAML with source positions: every value keeps its file, line and column, so that a mistake can point at it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hanhua.config_fields import At
from hanhua.errors import RecipeError
from hanhua.pipeline.recipe.yaml_repair import mended

BAD_SCALAR = (yaml.YAMLError, ValueError, AttributeError, TypeError, LookupError, RecursionError)
"""What PyYAML raises for a scalar that is not what its tag says: for `!!int` with nothing after it an IndexError."""


class RecipeLoader(yaml.SafeLoader):
    """SafeLoader that also reads `1e9` as the number it is; YAML 1.1 wants `1.0e+9`."""


RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
MERGE = "<<"


@dataclass(frozen=True)
class Place:
    """Where a value was written: a file with line and column from 1, or an option of the command line."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass
class Tree:
    """Plain data with the place of every key, and the mistakes found on the way.

    lost: keys of lines that could not be read, which nobody is to be told are missing. settled: places of which all
    has been said, and no later mistake is to be told (a refused secret would be printed by it).
    """

    data: dict[str, Any]
    places: dict[At, Place]
    folders: dict[At, Path] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    settled: set[At] = field(default_factory=set)

    def place(self, at: At) -> Place:
        """Return the place of a value, or of the nearest enclosing one that was written down."""
        while at and at not in self.places:
            at = at[:-1]
        return self.places.get(at, Place("recipe", 1, 1))

    def below(self, section: str) -> Tree:
        """Return one section as a tree of its own, with the places of its values."""

        def inside(at: At) -> bool:
            return at[:1] == (section,)

        return Tree(
            self.data[section],
            {at[1:]: place for at, place in self.places.items() if inside(at)},
            {at[1:]: folder for at, folder in self.folders.items() if inside(at)},
            [*self.mistakes],
            self.lost,
        )

    def in_order(self) -> list[str]:
        """Return the mistakes in the order of their positions in the files; those of the command line last."""

        def place(mistake: str) -> tuple[bool, str, int, int]:
            found = re.match(r"(.*?):(\d+):(\d+): ", mistake)
            return (False, found[1], int(found[2]), int(found[3])) if found else (True, "", 0, 0)

        return sorted(self.mistakes, key=place)

    def wrong(self, at: At, message: str) -> None:
        """Note a mistake at a place, once."""
        if any(at[: len(settled)] == settled for settled in self.settled):
            return
        place, dotted = self.place(at), ".".join(at)
        named = dotted and not place.source.startswith("--")  # an option of its own is its name
        mistake = f"{place}: {dotted}: {message}" if named else f"{place}: {message}"
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


def read_tree(path: Path) -> Tree:
    """Parse one YAML file; raise RecipeError for a file that is missing or not a mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError([f"{path}: no such file"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError([f"{path}: cannot be read as UTF-8 text ({error})"]) from error
    return tree_of(text, path)


def tree_of(text: str, path: Path) -> Tree:
    """Parse the text of a YAML file; raise RecipeError when it is no mapping.

    What is not YAML is among the mistakes of the tree, which then holds what could be read.
    """
    found = mended(text.removeprefix("\ufeff"))
    slips = [f"{path}:{slip.line}:{slip.column}: {slip.message}" for slip in found.slips]
    node = yaml.compose(found.text, Loader=RecipeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise RecipeError(slips or [f"{path}:1:1: a recipe is a mapping of stages (name: …, base: …)"])
    tree = Tree({}, {(): Place(str(path), 1, 1)}, mistakes=slips, lost=found.lost)
    tree.data = _mapping(node, (), path, tree)
    for key in [key for key in tree.data if key.startswith("x-")]:
        del tree.data[key]  # holds anchors for merge keys, and nothing else
    for at in tree.places:
        tree.folders[at] = path.parent
    return tree


def parse_value(text: str) -> Any:
    """Return the YAML value of an option: `8000` a number, `[a, b]` a list, anything unparsable a string."""
    try:
        return yaml.load(text, Loader=RecipeLoader)
    except BAD_SCALAR:
        return text


def _mapping(node: yaml.MappingNode, at: At, path: Path, tree: Tree) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.value == MERGE:
            _merge(value_node, data, at, path, tree)
    merged = set(data)
    for key_node, value_node in node.value:
        if key_node.value == MERGE:
            continue
        place = Place(str(path), key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            tree.mistakes.append(f"{place}: a key must be a plain word")
            continue
        key = str(key_node.value)
        inner = (*at, key)
        if key in data and key not in merged:
            tree.mistakes.append(f"{place}: {'.'.join(inner)}: given twice (first at {tree.places[inner]})")
            continue
        merged.discard(key)
        tree.places[inner] = place
        data[key] = _value(value_node, inner, path, tree)
    return data


def _merge(node: yaml.Node, data: dict[str, Any], at: At, path: Path, tree: Tree) -> None:
    """Take the keys of `<<: *NAME` or `<<: [*ONE, *TWO]`, of which the first goes before the second."""
    sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for source in reversed(sources):
        if isinstance(source, yaml.MappingNode):
            data.update(_mapping(source, at, path, tree))
        else:
            place = Place(str(path), source.start_mark.line + 1, source.start_mark.column + 1)
            tree.mistakes.append(f"{place}: << merges mappings: <<: *NAME, where NAME is anchored as `key: &NAME`")


def _value(node: yaml.Node, at: At, path: Path, tree: Tree) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, path, tree)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for number, item in enumerate(node.value):
            inner = (*at, str(number))
            tree.places[inner] = Place(str(path), item.start_mark.line + 1, item.start_mark.column + 1)
            items.append(_value(item, inner, path, tree))
        return items
    try:
        return RecipeLoader("").construct_object(node)
    except BAD_SCALAR as error:
        tree.wrong(at, f"not a plain value ({error})")
        return None
