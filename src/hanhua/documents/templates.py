r"""One text of a record that has several: a template of its fields, or the turns of a conversation.

A text field is the name of one field, a template (`{instruction}\n\n{output}`), or one of `NAMED`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

NAMED = ("template:alpaca", "template:sharegpt", "template:messages")
"""Layouts that many data sets share, by what `--text-field` calls them."""
_ALPACA = "{instruction}\n\n{input}\n\n{output}"
_FIELD = re.compile(r"\{([^{}]+)\}")
_BLANK_LINES = re.compile(r"\n{3,}")

Reader = Callable[[Mapping[str, Any]], str | None]


def is_template(text_field: str) -> bool:
    """Return whether a text field is more than the name of one field."""
    return text_field in NAMED or _FIELD.search(text_field) is not None


def fields_of(text_field: str) -> frozenset[str]:
    r"""Return the fields of a record that its text is made of.

    >>> sorted(fields_of("template:alpaca")), sorted(fields_of("{q}\n{a}")), sorted(fields_of("text"))
    (['input', 'instruction', 'output'], ['a', 'q'], ['text'])
    """
    if text_field == "template:sharegpt":
        return frozenset({"conversations", "conversation"})
    if text_field == "template:messages":
        return frozenset({"messages"})
    template = _ALPACA if text_field == "template:alpaca" else text_field
    return frozenset(_FIELD.findall(template)) or frozenset({text_field})


def text_reader(text_field: str) -> Reader:
    r"""Return the function that makes a record's text, or None where the record has nothing of it.

    >>> text_reader("template:alpaca")({"instruction": "翻译", "input": "", "output": "translate"})
    '翻译\n\ntranslate'
    """
    if text_field == "template:sharegpt":
        return lambda fields: _turns(fields.get("conversations") or fields.get("conversation"), ("value", "content"))
    if text_field == "template:messages":
        return lambda fields: _turns(fields.get("messages"), ("content", "value"))
    if not is_template(text_field):
        return lambda fields: value if isinstance(value := fields.get(text_field), str) else None
    # A shell passes \n as two characters.
    template = _ALPACA if text_field == "template:alpaca" else text_field.replace("\\n", "\n")
    return lambda fields: _filled(template, fields)


def _filled(template: str, fields: Mapping[str, Any]) -> str | None:
    values = {name: fields.get(name) for name in _FIELD.findall(template)}
    if not any(values.values()):
        return None
    text = _FIELD.sub(lambda match: "" if (value := values[match[1]]) is None else str(value), template)
    return _BLANK_LINES.sub("\n\n", text).strip()


def _turns(turns: Any, keys: tuple[str, ...]) -> str | None:
    """Return what is said in a conversation, a blank line between turns; who says it is left out."""
    if not isinstance(turns, list):
        return None
    said = [_content(turn, keys) for turn in turns if isinstance(turn, Mapping)]
    return "\n\n".join(text for text in said if text.strip()) or None


def _content(turn: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    content = next((turn[key] for key in keys if turn.get(key) is not None), "")
    if isinstance(content, list):  # parts, of which some may be images
        return "\n".join(str(part["text"]) for part in content if isinstance(part, Mapping) and part.get("text"))
    return str(content)
