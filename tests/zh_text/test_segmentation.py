"""Segmentation: one interface, two engines, nothing lost, nothing printed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.zh_text.segmentation import Engine, segment

ENGINES: list[Engine] = ["auto", "jieba", *(["rjieba"] if find_spec("rjieba") else [])]  # type: ignore[list-item]


@pytest.mark.parametrize("engine", ENGINES)
def test_words_are_words(engine: Engine) -> None:
    assert segment("营利性服务", engine=engine) == ["营利性", "服务"]
    assert segment("", engine=engine) == []


@given(st.text(alphabet="营利性服务中文 ab1，。\n", max_size=40))
@settings(max_examples=50, deadline=None)
def test_joined_words_are_the_text(text: str) -> None:
    assert "".join(segment(text, engine="jieba", new_words=False)) == text


def test_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    segment("今天天气不错", engine="jieba")
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
