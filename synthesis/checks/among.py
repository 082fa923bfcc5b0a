"""Outputs that are too much alike."""

from __future__ import annotations

from collections.abc import Iterable


def reject_alike(accepted: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return, of (key, text), the reason of each that is rejected; the same whatever the order of arrival."""
    first: dict[str, str] = {}
    rejected: dict[str, str] = {}
    for key, text in sorted(accepted):
        if text in first:
            rejected[key] = "near_copy"
        first.setdefault(text, key)
    return rejected
