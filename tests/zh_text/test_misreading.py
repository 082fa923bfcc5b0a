from __future__ import annotations

import pytest

from hanhua.zh_text.misreading import is_misread

COMMON = "我们都是中国人，他说：“这里的天气很好。”规定活动达到变化"


def as_gbk(text: str) -> str:
    return text.encode().decode("gbk", "ignore")


@pytest.mark.parametrize("text", ["我们", "中文", "但是，", "“你", "国家的人"])
def test_what_was_written_in_utf8_and_read_as_gbk_is_found(text: str) -> None:
    rare = [c for c in as_gbk(text) if not 0xB0 <= c.encode("gbk")[0] <= 0xD7 and c >= "一"]
    assert rare
    assert all(is_misread(character) for character in rare)


@pytest.mark.parametrize("text", ["锛", "紝", "銆", "鐨", "浠", "涓", "鈥", "锛屾", "鎴戜滑"])
def test_known_misreadings(text: str) -> None:
    assert is_misread(text)


@pytest.mark.parametrize(
    "text", ["", "中文", "活动", "规定", "涓涓", "涓滴", "a", "，", "，我", "奠定", "达到", "𠮷", "한"]
)
def test_what_is_no_misreading(text: str) -> None:
    assert not is_misread(text)


def test_no_common_character_is_suspected() -> None:
    assert not any(map(is_misread, COMMON))
