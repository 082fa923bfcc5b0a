"""Marks on config fields: what they leave out of a key."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from hanhua.config_fields import EXECUTION, LATER, Section, key_config


class _EarlierInner(Section):
    share: float = 0.5


class _Earlier(Section):
    inner: _EarlierInner = _EarlierInner()
    listed: tuple[_EarlierInner, ...] = ()
    threads: Annotated[int, EXECUTION] = 1


class _Extra(Section):
    names: tuple[str, ...] = ()


class _LaterInner(_EarlierInner):
    limit: Annotated[int | None, LATER] = None


class _Later(_Earlier):
    inner: _LaterInner = _LaterInner()
    listed: tuple[_LaterInner, ...] = ()
    extra: Annotated[_Extra, LATER] = Field(default_factory=_Extra)


def test_a_later_setting_at_its_default_leaves_keys_as_they_were() -> None:
    given = {"inner": {"share": 0.25}, "listed": [{}], "threads": 8}
    assert key_config(_Later.model_validate(given)) == key_config(_Earlier.model_validate(given))


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ({"inner": {"limit": 3}}, "inner"),
        ({"listed": [{"limit": 0}]}, "listed"),
        ({"extra": {"names": ["a"]}}, "extra"),
    ],
)
def test_a_later_setting_that_is_used_changes_the_key(given: dict[str, object], at: str) -> None:
    key, default = key_config(_Later.model_validate(given)), key_config(_Later())
    assert key != default
    assert key | {at: None} == default | {at: None}
