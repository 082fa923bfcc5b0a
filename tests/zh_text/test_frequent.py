from __future__ import annotations

import pytest

from hanhua.zh_text.frequent import FREQUENT, frequent_share

TEXTS = ["清晨的集市上人来人往，卖豆腐的老人把担子放在桥头。", "本法所稱主管機關，在中央為內政部，在地方為縣市政府。"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("wrote", "read"), [("utf-8", "gb18030"), ("utf-8", "latin-1"), ("gb18030", "big5hkscs")])
def test_chinese_is_told_from_a_wrong_decoding(text: str, wrote: str, read: str) -> None:
    assert frequent_share(text) > 0.5 > 0.2 > frequent_share(text.encode(wrote).decode(read, "replace"))


def test_both_scripts_and_nothing_of_ascii() -> None:
    assert {"这", "這", "，"} <= FREQUENT
    assert not any(character.isascii() for character in FREQUENT)
    assert frequent_share("plain text") == 0.0
