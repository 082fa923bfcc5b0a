"""What a config field is apart from its type: a path, a setting of execution, or a private one.

    class Training(BaseModel):
        texts: LocalPath                                        # hashed by content; relative to the config file
        base: LocalPathOrHub                                    # the same, or a Hub id
        threads: Annotated[int | None, EXECUTION] = Field(None) # affects speed, not the result
        server: Annotated[str, EXECUTION, PRIVATE]              # is nobody's business
        margin: Annotated[float | None, LATER] = Field(None)    # at its default, keys are as they were without it

Nothing else needs to list such fields: loading, checking, pinning and the keys of artifacts find them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from operator import eq
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from hanhua.artifacts.fingerprint import canonical
from hanhua.gguf_location import PACKAGE, locate_gguf

At = tuple[str, ...]
"""A path into nested data: ("corpora", "zh", "path"); `*` in a pattern stands for any one name or number."""


class Section(BaseModel):
    """Settings that belong together: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class PathField:
    """Marks a text that names a file or folder.

    may_be_hub: the text may also name a Hub repository, or something the stage knows. suffixes: only a text with one of
    these endings is a path, any other is a name; (): every text is a path.
    """

    may_be_hub: bool = False
    suffixes: tuple[str, ...] = ()

    def is_path(self, value: str) -> bool:
        """Return whether a value is a path at all."""
        return not self.suffixes or value.endswith(self.suffixes)


@dataclass(frozen=True)
class ExecutionField:
    """Marks a setting of how a stage is run: it changes speed, memory or rounding, and never what is made."""


@dataclass(frozen=True)
class PrivateField:
    """Marks a setting that tells of somebody's network, such as the address of a server: it is never published."""


@dataclass(frozen=True)
class LaterField:
    """Marks a setting that came when artifacts existed: at its default it is in no key, so that they keep theirs."""


LocalPath = Annotated[str, PathField()]
LocalPathOrHub = Annotated[str, PathField(may_be_hub=True)]
NameOrYaml = Annotated[str, PathField(suffixes=(".yaml", ".yml"))]
EXECUTION = ExecutionField()
PRIVATE = PrivateField()
LATER = LaterField()


@cache
def marked_fields(model: type[BaseModel], kind: type) -> tuple[tuple[At, Any], ...]:
    """Return (pattern, mark) for every field below `model` that carries a mark of this kind."""
    return tuple((at, mark) for at, marks, _ in _places(model, ()) for mark in marks if isinstance(mark, kind))


@cache
def _later_defaults(model: type[BaseModel]) -> tuple[tuple[At, Any], ...]:
    """Return (pattern, default as plain data) for every field below `model` that is marked LATER."""
    later = ((at, field) for at, marks, field in _places(model, ()) if LATER in marks and field is not None)
    return tuple((at, canonical(field.get_default(call_default_factory=True))) for at, field in later)


def _places(annotation: Any, at: At) -> Iterator[tuple[At, Sequence[Any], FieldInfo | None]]:
    """Yield every place below a type with its marks, and the field if it is one of a config."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield (*at, name), field.metadata, field
            yield from _places(field.annotation, (*at, name))
        return
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield at, members[1:], None
        yield from _places(members[0], at)
    else:
        deeper = (*at, "*") if origin in (dict, list, tuple) else at
        for member in members:
            yield from _places(member, deeper)


def type_members(annotation: Any) -> list[Any]:
    """Return the types a value of a field may have: those of a union, each without its marks.

    >>> type_members(Annotated[int | None, "mark"])
    [<class 'int'>, <class 'NoneType'>]
    """
    if get_origin(annotation) is Annotated:
        return type_members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for inner in get_args(annotation) for member in type_members(inner)]
    return [annotation]


def mark_at(model: type[BaseModel], at: Sequence[str], kind: type) -> Any | None:
    """Return the mark of the field at a place of a config's data, or None."""
    return next((mark for pattern, mark in marked_fields(model, kind) if _matches(at, pattern)), None)


def path_mark(model: type[BaseModel], at: Sequence[str], value: str) -> PathField | None:
    """Return the mark of a value that is a path, by its place in a config's data; None for any other value."""
    mark: PathField | None = mark_at(model, at, PathField)
    return mark if mark is not None and mark.is_path(value) else None


def _matches(at: Sequence[str], pattern: At) -> bool:
    return len(at) == len(pattern) and all(p in ("*", a) for a, p in zip(at, pattern, strict=True))


def leaves(data: Any, at: At = ()) -> Iterator[tuple[At, Any]]:
    """Yield the place and value of every scalar in nested mappings and lists.

    >>> list(leaves({"a": {"b": 1}, "c": [2]}))
    [(('a', 'b'), 1), (('c', '0'), 2)]
    """
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, (*at, str(key)))
    elif isinstance(data, (list, tuple)):
        for number, value in enumerate(data):
            yield from leaves(value, (*at, str(number)))
    else:
        yield at, data


def set_at(data: Any, at: At, value: Any) -> None:
    """Put a value at a place of nested mappings and lists; all but its last step must be there."""
    for step in at[:-1]:
        data = data[int(step)] if isinstance(data, (list, tuple)) else data[step]
    data[int(at[-1]) if isinstance(data, list) else at[-1]] = value


def paths_in(config: BaseModel) -> Iterator[tuple[At, str]]:
    """Yield the place and value of every path a config names, Hub names among them."""
    data = config.model_dump(mode="json")
    for at, value in leaves(data):
        if isinstance(value, str) and path_mark(type(config), at, value) is not None:
            yield at, value


def place_of(value: str) -> Path:
    """Return the file or folder a path means: itself, or the file inside the package of `package:NAME`.

    Raises InputError for a package that is not installed.
    """
    inside = locate_gguf(value) if value.startswith(PACKAGE) else None
    return Path(value) if inside is None else inside


def key_config(config: BaseModel) -> dict[str, Any]:
    """Return the fields of a config that affect the output, as plain data.

    A config whose fields matter only together (only the product of two, say) has a method `key_config` of its own.
    """
    own = getattr(config, "key_config", None)
    data: dict[str, Any] = canonical(config if own is None else own())
    for pattern, default in _later_defaults(type(config)):
        _drop(data, pattern, partial(eq, default))
    if own is None:
        for pattern, _ in marked_fields(type(config), ExecutionField):
            _drop(data, pattern)
    return data


def _drop(data: Any, pattern: At, which: Callable[[Any], bool] = lambda _: True) -> None:
    """Take the values at a pattern that `which` holds for out of nested data."""
    if not pattern:
        return
    step, rest = pattern[0], pattern[1:]
    if isinstance(data, list):
        for item in data:
            _drop(item, rest, which)
    elif isinstance(data, dict):
        for key in list(data) if step == "*" else [step] if step in data else []:
            if rest:
                _drop(data[key], rest, which)
            elif which(data[key]):
                del data[key]


def without_folders(data: Any) -> Any:
    """Return plain data with every absolute path cut to its last part: what may be shown and published."""
    if isinstance(data, Mapping):
        return {key: without_folders(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [without_folders(value) for value in data]
    return Path(data).name if isinstance(data, str) and Path(data).is_absolute() else data


def published(config: BaseModel, data: dict[str, Any]) -> dict[str, Any]:
    """Return a config's own data as it may be shown and published: no folder of the machine, no private setting.

    data: what the config says as plain data; it is changed.
    """
    for pattern, _ in marked_fields(type(config), PrivateField):
        _drop(data, pattern)
    found: dict[str, Any] = without_folders(data)
    return found
