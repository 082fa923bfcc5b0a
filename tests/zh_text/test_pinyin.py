from __future__ import annotations

import numpy as np
import pytest

from hanhua.zh_text.folding import code_points
from hanhua.zh_text.pinyin import characters_read, readings, syllable_codes, syllable_text


@pytest.mark.parametrize(("one", "other"), [("时时彩", "石十采"), ("赌博", "堵搏"), ("微信", "威信"), ("约炮", "约泡")])
def test_what_is_said_alike_is_alike(one: str, other: str) -> None:
    assert syllable_text(one) == syllable_text(other)


def test_the_rest_stays_as_it_is() -> None:
    text = "abc1，𠀀"
    assert syllable_text(text) == text
    assert len(syllable_text("加微信abc")) == 6
    assert not np.array_equal(syllable_codes(code_points("赌博")), code_points("赌博"))


def test_readings_and_characters_agree() -> None:
    assert len(readings()) > 15_000
    assert all(character in characters_read(syllable) for character, syllable in list(readings().items())[::97])
    assert characters_read("xyz") == ""
