"""What pydantic found wrong, as people read it: the place as it was written, what is wrong, and what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from hanhua.config_fields import At, type_members
from hanhua.neighbor_words import our_word
from hanhua.renamed import key_today, value_today

EXPECTED = {
    "int_parsing": "expected a whole number, such as 1000000, 1_000_000 or 1e6",
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


@dataclass(frozen=True)
class Mistake:
    """One mistake. at: the place of the value in the data as it was written."""

    at: At
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(self.at)}: {self.message}" if self.at else self.message


def mistakes_of(error: ValidationError, config: type[BaseModel], data: Any, *, section: At = ()) -> list[Mistake]:
    """Return every mistake in `data`, which was to be a `config`.

    section: the place of `data` in a recipe, by which keys that were renamed are known.
    """
    problems = error.errors(include_url=False, include_context=True)
    # Where a value may be text or a section (a task's prompt), a section's mistakes are told as a section's.
    either = {one["loc"][:-1] for one in problems if len(one["loc"]) > 1 and one["loc"][-1] == "str"}
    return [
        Mistake(at, _message(one, at, config, section))
        for one in problems
        if not (one["loc"][:-1] in either and one["loc"][-1] == "str" and isinstance(one["input"], dict))
        for at in [_written(one["loc"], data)]
    ]


def _message(problem: Any, at: At, config: type[BaseModel], section: At) -> str:
    kind, given = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        return _unknown_key(at, config, section)
    if kind == "missing":
        return "missing, and it has no default"
    if kind == "literal_error":
        today = value_today((*section, *at), given)
        if today != given:
            return f"{given!r} is called {today!r} now"
        expected = problem["ctx"]["expected"].replace("'", "")
        near = nearest(str(given), re.split(r", | or ", expected))
        return f"{_shown(given)} is not one of {expected}" + (f" (did you mean {near}?)" if near else "")
    message = EXPECTED.get(kind) or problem["msg"].removeprefix("Value error, ")
    return message + ("" if isinstance(given, dict) and kind not in EXPECTED else f", found {_shown(given)}")


def _unknown_key(at: At, config: type[BaseModel], section: At) -> str:
    if today := key_today((*section, *at[:-1]), at[-1]):
        return f"is called {today} now"
    known = known_keys(config, at[:-1])
    ours, near = our_word(at[-1]), nearest(at[-1], known)
    if ours is not None:
        here = ".".join((*section, *at[:-1], ""))
        return f"unknown key (here it is {ours.removeprefix(here) if here else ours})"
    hint = f"did you mean {near}?" if near else f"known here: {', '.join(sorted(known))}"
    return f"unknown key ({hint})"


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word somebody may have meant; `english` for `en` too."""
    near = difflib.get_close_matches(word, known, n=1)
    begun = [name for name in known if len(name) > 1 and word.lower().startswith(name.lower())]
    return near[0] if near else max(begun, key=len, default=None)


def known_keys(config: type[BaseModel], at: At) -> list[str]:
    """Return the field names of the section at `at`."""
    models: list[Any] = [config]
    for step in at:
        inner: list[Any] = []
        for model in models:
            if isinstance(model, type) and issubclass(model, BaseModel):
                if step in model.model_fields:
                    inner += type_members(model.model_fields[step].annotation)
            elif get_origin(model) in (dict, list, tuple):
                inner += type_members(get_args(model)[1 if get_origin(model) is dict else 0])
        models = inner
    return [name for m in models if isinstance(m, type) and issubclass(m, BaseModel) for name in m.model_fields]


_SECRET = re.compile(r"\b(hf_|ms-|sk-|ghp_|github_pat_|AKIA)[A-Za-z0-9_-]{12,}")


def without_secrets(text: str) -> str:
    """Return a text with everything in it that has the form of an access token cut short.

    >>> without_secrets("hf_abcdefghijklmnopqrst of a/b")
    'hf_… of a/b'
    """
    return _SECRET.sub(lambda match: f"{match[1]}…", text)


def _shown(value: object) -> str:
    text = without_secrets(repr(value))
    return text if len(text) <= 80 else text[:77] + "…"


def _written(loc: tuple[int | str, ...], data: Any) -> At:
    """Return the path as written: pydantic adds the names of union members and `[key]` marks to its own."""
    at: At = ()
    for number, step in enumerate(loc):
        last = number == len(loc) - 1
        inside = isinstance(data, dict) and step in data
        inside = inside or (isinstance(data, list) and isinstance(step, int) and step < len(data))
        if not inside and not (last and isinstance(data, dict)):
            continue
        at = (*at, str(step))
        data = data[step] if inside else None
    return at
