"""One hash for anything that decides what an artifact is; what it cannot serialize, it refuses."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel


def canonical(value: Any, at: str = "value") -> Any:
    """Return `value` as plain JSON data with one possible form.

    Raises TypeError, naming the place, for anything without an obvious stable form: sets, objects,
    functions, NaN. Guessing (with `repr`, say) would let two different configs share one key.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{at}: cannot fingerprint {value!r}; use null for 'off'")
        return value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, (list, tuple)):
        return [canonical(item, f"{at}[{i}]") for i, item in enumerate(value)]
    return {key: canonical(item, f"{at}.{key}") for key, item in sorted(_mapping(value, at).items())}


def _mapping(value: Any, at: str) -> Mapping[str, Any]:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="python")
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{at}: cannot fingerprint a mapping with the key {key!r}")
        return value
    raise TypeError(f"{at}: cannot fingerprint a {type(value).__name__}")


def fingerprint(value: Any) -> str:
    """Return the sha256 (hex) of the canonical JSON of `value`.

    >>> fingerprint({"b": 1, "a": [2]}) == fingerprint({"a": (2,), "b": 1})
    True
    """
    text = json.dumps(canonical(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def difference(old: Any, new: Any, at: str = "") -> list[str]:
    """Return `field: old → new` lines for every field in which two canonical values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        lines: list[str] = []
        for key in sorted({*old, *new}):
            inner = f"{at}.{key}" if at else key
            lines += difference(old.get(key), new.get(key), inner)
        return lines
    if old == new:
        return []
    if isinstance(old, list) and isinstance(new, list):
        if len(old) == len(new) and all(isinstance(item, dict) for item in (*old, *new)):
            pairs = enumerate(zip(old, new, strict=True))
            return [line for n, (one, other) in pairs for line in difference(one, other, f"{at}.{n}")]
        if all(isinstance(item, str) and _HASHED.search(item) for item in (*old, *new)):
            return [f"{at}: {_files_that_differ(old, new)}"]
    return [f"{at}: {_short(old)} → {_short(new)}"]


def _files_that_differ(old: list[str], new: list[str]) -> str:
    """Say which of some files (`name sha256:…`) changed, are new or are gone."""
    before, after = (dict(item.rsplit(" ", 1) for item in items) for items in (old, new))
    changed = [name for name in after if name in before and before[name] != after[name]]
    parts = [
        (changed, "changed"),
        ([name for name in after if name not in before], "new"),
        ([name for name in before if name not in after], "gone"),
    ]
    said = [f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''} {what}"
            for names, what in parts if names]  # fmt: skip
    return "; ".join(said) or "the order of the files"


_HASHED = re.compile(r" sha256:[0-9a-f]{64}$")
SHOWN_AS_DATA = 40
"""Lists and mappings up to this many characters are shown as they are; of longer ones only the size tells anything."""


def _short(value: Any) -> str:
    if isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef"):
        return value[:8]
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, (dict, list)) and len(text) > SHOWN_AS_DATA:
        what = "setting" if isinstance(value, dict) else "item"
        return f"{len(value)} {what}{'' if len(value) == 1 else 's'}"
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
