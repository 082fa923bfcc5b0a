"""A typed recipe out of one with mistakes, so that what depends on several values can be checked all the same.

Each round, pydantic names what it finds wrong; that is noted, put right or taken out, and asked again: a misspelled
section is looked into, and the checks between values run. The result is never run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from hanhua.config_fields import At, type_members
from hanhua.mistakes import Mistake, known_keys, mistakes_of, nearest
from hanhua.neighbor_words import our_word
from hanhua.pipeline.recipe.source_positions import Tree
from hanhua.renamed import key_today, value_today

MAX_ROUNDS = 40
UNKNOWN = "unknown"
"""Stands for a required text that is wrong or missing."""


class Salvage:
    """The data of a tree on its way to a valid config.

    doubtful: places of which the value is not what was written, so that nothing may be concluded from it.
    """

    def __init__(self, tree: Tree, config: type[BaseModel], *, section: At = ()) -> None:
        self.tree, self.config, self.section = tree, config, section
        self.data: dict[str, Any] = deepcopy(tree.data)
        self.doubtful: set[At] = {(key,) for key in tree.lost if key not in tree.data} | set(tree.settled)
        self._written: dict[At, At] = {}

    def config_of(self) -> BaseModel | None:
        """Return the config as far as it can be made; notes every mistake in the tree. None where too much is wrong."""
        for _ in range(MAX_ROUNDS):
            try:
                return self.config.model_validate(self.data)
            except ValidationError as error:
                made = self._round(error)
                if made is not None:
                    return made
        return None

    def _round(self, error: ValidationError) -> BaseModel | None:
        """Note and mend what one validation found; return the config where only its own checks are left to fail."""
        problems = error.errors(include_url=False, include_context=True)
        between = {tuple(map(str, one["loc"])) for one in problems if one["type"] == "value_error"}
        found = mistakes_of(error, self.config, self.data, section=self.section)
        plain = [one for one in found if not self._is_check(one.at, between)]
        for mistake in plain:
            self._note(mistake)
            self._mend(mistake)
        return None if plain else self._unchecked(self.config, self.data, ())

    def _is_check(self, at: At, between: set[At]) -> bool:
        """Return whether a mistake is one between values: of a part of the config, or of a table."""
        return any(loc[: len(at)] == at for loc in between) and not isinstance(self._value(at), (str, int, float))

    def _unchecked(self, model: type[BaseModel], data: Mapping[str, Any], at: At) -> BaseModel:
        """Return a part of the config whose values are of the right types, noting what its own checks say."""
        values = {
            name: self._made(field, data[name], (*at, name))
            for name, field in model.model_fields.items()
            if name in data
        }
        made = model.model_construct(**values)
        decorators = model.__pydantic_decorators__
        for check in decorators.field_validators.values():
            for name in check.info.fields:
                if check.info.mode == "after" and name in values:
                    self._try((*at, name), getattr(model, check.cls_var_name), values[name])
        for whole in decorators.model_validators.values():
            if whole.info.mode == "after":
                self._try(at, getattr(made, whole.cls_var_name))
        return made

    def _made(self, field: FieldInfo, value: Any, at: At) -> Any:
        for kind in type_members(field.annotation):
            inner = get_args(kind)
            if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
                return self._unchecked(kind, value, at)
            if get_origin(kind) is dict and _is_model(inner[1]) and isinstance(value, dict):
                return {key: self._unchecked(inner[1], one, (*at, key)) for key, one in value.items()}
            if get_origin(kind) is tuple and _is_model(inner[0]) and isinstance(value, (list, tuple)):
                return tuple(self._unchecked(inner[0], one, (*at, str(n))) for n, one in enumerate(value))
        kind = field.rebuild_annotation()
        return TypeAdapter(kind).validate_python(value)

    def _try(self, at: At, check: Any, *value: Any) -> None:
        try:
            check(*value)
        except ValueError as error:
            # Nothing is concluded from a value that is wrong itself: a length that is no number has no steps.
            unsure = {one[-1] for one in self.doubtful if one[: len(at)] == at and one} | self.tree.lost
            if not unsure & set(re.findall(r"\w+", str(error))):
                self._note(Mistake(at, str(error)))

    def _note(self, mistake: Mistake) -> None:
        missing = mistake.message.startswith("missing")
        if missing and (mistake.at[-1] in self.tree.lost or self._is_doubtful(mistake.at)):
            self.doubtful.add(mistake.at)
            return
        if not self._is_doubtful(mistake.at):
            self.tree.wrong(self._as_written(mistake.at), mistake.message)
        if mistake.at and not isinstance(self._value(mistake.at), dict):
            self.doubtful.add(mistake.at)

    def _mend(self, mistake: Mistake) -> None:
        """Take a wrong value out, or put what was meant in its place."""
        at, holder = mistake.at, self._value(mistake.at[:-1])
        if not at or holder is None:
            return
        if mistake.message.startswith(("unknown key", "is called")):
            self._rename(at, holder)
        elif mistake.message.startswith("missing"):
            holder[at[-1]] = _placeholder(self._field(at))
        elif isinstance(holder, list):
            del holder[int(at[-1])]
            self._shift(at)
        elif at[-1] in holder:
            meant = self._meant(at, holder[at[-1]])
            del holder[at[-1]]
            self.doubtful.add(at)
            if meant is not None:
                holder[at[-1]] = meant

    def _rename(self, at: At, holder: Any) -> None:
        value = holder.pop(at[-1])
        meant = self._key_meant(at)
        if meant is not None and meant not in holder:
            holder[meant] = value
            today = (*at[:-1], meant)
            self._written[today] = self._as_written(at)
            self.doubtful.discard(at)

    def _key_meant(self, at: At) -> str | None:
        known, ours = known_keys(self.config, at[:-1]), our_word(at[-1])
        if ours is not None:
            last = ours.split()[0].rstrip(":").rpartition(".")[2]
            return last if last in known else None
        return key_today((*self.section, *at[:-1]), at[-1]) or nearest(at[-1], known)

    def _meant(self, at: At, value: Any) -> Any:
        today = value_today((*self.section, *at), value)
        if today != value:
            return today
        field = self._field(at)
        choices = _choices(field.annotation) if field is not None else []
        return nearest(value, choices) if isinstance(value, str) and choices else None

    def _as_written(self, at: At) -> At:
        for depth in range(len(at), 0, -1):
            if at[:depth] in self._written:
                return (*self._written[at[:depth]], *at[depth:])
        return at

    def _shift(self, gone: At) -> None:
        """Keep the places of the items behind one that was taken out of a list."""
        holder = self._value(gone[:-1])
        for number in range(int(gone[-1]), len(holder)):
            here = (*gone[:-1], str(number))
            self._written[here] = self._as_written((*gone[:-1], str(number + 1)))

    def places(self) -> Tree:
        """Return a tree of the mended data, whose mistakes go to the places as they were written."""
        return _Written(self)

    def _is_doubtful(self, at: At) -> bool:
        return any(at[: len(one)] == one for one in self.doubtful)

    def is_sure(self, pattern: At) -> bool:
        """Return whether every value at a place (`*` for any one step), and all it stands in, is as it was written."""
        return not any(
            all(p in ("*", step) for p, step in zip(pattern, one, strict=False)) for one in self.doubtful if one
        )

    def _value(self, at: At) -> Any:
        here: Any = self.data
        for step in at:
            if isinstance(here, list):
                here = here[int(step)] if step.isdigit() and int(step) < len(here) else None
            elif isinstance(here, Mapping):
                here = here.get(step)
            else:
                return None
        return here

    def _model(self, at: At) -> type[BaseModel] | None:
        found = [one for one in _annotations(self.config, at) if isinstance(one, type) and issubclass(one, BaseModel)]
        return found[0] if found else None

    def _field(self, at: At) -> FieldInfo | None:
        model = self._model(at[:-1])
        return None if model is None else model.model_fields.get(at[-1])


class _Written(Tree):
    """A tree of mended data that finds places, and notes mistakes, in the one it was made of."""

    def __init__(self, salvage: Salvage) -> None:
        tree = salvage.tree
        super().__init__(salvage.data, tree.places, tree.folders, tree.mistakes, tree.lost, tree.settled)
        self._salvage = salvage

    def wrong(self, at: At, message: str) -> None:
        """Note a mistake, unless it stands on a value that is wrong itself."""
        if not any(at == one for one in self._salvage.doubtful):
            super().wrong(self._salvage._as_written(at), message)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _annotations(config: type[BaseModel], at: At) -> list[Any]:
    """Return the types a value at a place may have."""
    found: list[Any] = [config]
    for step in at:
        inner: list[Any] = []
        for one in found:
            if isinstance(one, type) and issubclass(one, BaseModel):
                inner += type_members(one.model_fields[step].annotation) if step in one.model_fields else []
            elif get_origin(one) in (dict, list, tuple):
                inner += type_members(get_args(one)[1 if get_origin(one) is dict else 0])
        found = inner
    return found


def _choices(annotation: Any) -> list[str]:
    literals = [one for one in type_members(annotation) if get_origin(one) is Literal]
    return [choice for one in literals for choice in get_args(one) if isinstance(choice, str)]


def _placeholder(field: FieldInfo | None) -> Any:
    """Return a value of a required field's type, for one that is missing."""
    kinds = type_members(field.annotation) if field is not None else [str]
    if str in kinds:
        return UNKNOWN
    if int in kinds or float in kinds:
        return 1
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    if models or any(get_origin(kind) is dict for kind in kinds):
        return {}
    return [UNKNOWN]
