"""Configuration: presets, overrides, what belongs to the fingerprint and what does not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.filtering.config import FilteringConfig


def test_none_is_all_off_and_keys_override_it() -> None:
    none = FilteringConfig(preset="none")
    assert none.quality.min_characters is None
    assert none.language.min_han_ratio is None
    assert (none.pii.mode, none.harm.enabled, none.duplicates.near) == ("off", False, False)
    some = FilteringConfig.model_validate({"preset": "none", "pii": {"mode": "mask"}, "quality": {"min_characters": 0}})
    assert (some.pii.mode, some.quality.min_characters, some.quality.max_symbol_ratio) == ("mask", 0, None)


def test_workers_do_not_change_what_a_corpus_is() -> None:
    assert fingerprint(FilteringConfig(workers=1)) == fingerprint(FilteringConfig(workers=7))
    assert fingerprint(FilteringConfig(heldout_ratio=0.1)) != fingerprint(FilteringConfig())


@pytest.mark.parametrize("wrong", [{"preset": "strict"}, {"qualty": {}}, {"quality": {"min_chars": 3}}, {"workers": 0}])
def test_mistakes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FilteringConfig.model_validate(wrong)
