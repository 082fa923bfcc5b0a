"""What pydantic found wrong, as people read it: the place, the mistake, and the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


def mistakes_of(error: ValidationError, config: type[BaseModel]) -> list[str]:
    """Return a line for each mistake; an unknown name gets the nearest known one.

    Where a value may be a text or a section (a task's prompt), a section's mistakes are told as a section's.
    """
    found = error.errors()
    sections = {e["loc"][:-1] for e in found if len(e["loc"]) > 1 and e["loc"][-1] == "str"}
    lines = []
    for one in found:
        place = one["loc"]
        if place[:-1] in sections and place[-1] == "str" and isinstance(one["input"], dict):
            continue
        shown = [str(at) for n, at in enumerate(place) if not (place[:n] in sections and n < len(place) - 1)]
        message = one["msg"]
        if one["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(place[-1]), sorted(set(_names(config.model_json_schema()))), n=1)
            message = f"no such setting (did you mean {near[0]}?)" if near else "no such setting"
        lines.append(f"{'.'.join(shown) or 'file'}: {message}")
    return lines


def _names(schema: Any) -> Iterator[str]:
    """Yield every setting a schema knows, of sections inside too."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for inner in schema.values():
            yield from _names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _names(inner)
