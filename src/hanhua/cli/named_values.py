"""Options that are given as NAME=VALUE, several at a time."""

from __future__ import annotations

from collections.abc import Iterable


def named_values(option: str, given: Iterable[str] | None, *, form: str = "NAME=VALUE") -> dict[str, str]:
    """Return the values by NAME.

    option, form: what the option is called and how it is written, for the UsageError about anything else.
    """
    from hanhua.errors import UsageError

    found = {}
    for word in given or ():
        name, _, value = word.partition("=")
        if not name or not value:
            raise UsageError(f"{option} {word}: expected {form}")
        found[name] = value
    return found
