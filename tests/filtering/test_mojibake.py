"""Mojibake: undone where nothing was lost, else the text comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.judge import Judge
from hanhua.filtering.mojibake import repair_mojibake

SOUND = "清晨的集市上人来人往，卖豆腐的老人把担子放在桥头，等第一个客人。"
TRADITIONAL = "清晨的市集上人來人往，賣豆腐的老人把擔子放在橋頭，等第一個客人。"


def cp1252(data: bytes) -> str:
    """Return bytes as CP1252 shows them, and as Latin-1 where it has nothing, as programs do."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in data)


def repaired(text: str) -> str:
    return repair_mojibake(text, Draft(text).profile)


@pytest.mark.parametrize("text", [SOUND, TRADITIONAL, f"API v2: {SOUND}\n\nprint('hello')\n"])
@pytest.mark.parametrize(
    "misread",
    [
        lambda text: text.encode().decode("latin-1"),
        lambda text: cp1252(text.encode()),
        lambda text: text.encode("gb18030").decode("latin-1"),
        lambda text: cp1252(text.encode("gb18030")),
    ],
)
def test_a_reading_as_latin_is_undone(text: str, misread: object) -> None:
    assert callable(misread)
    assert repaired(misread(text)) == text


@pytest.mark.parametrize("text", ["我们都在这里", "中文测试", "今天天气很好，我们去看花吧"])
def test_a_reading_as_gbk_is_undone_where_no_byte_was_lost(text: str) -> None:
    padded = text if len(text.encode()) % 2 == 0 else text + "a"
    assert repaired(padded.encode().decode("gb18030")) == padded


def test_a_passage_in_a_sound_text_is_undone() -> None:
    text = f"{SOUND}\n{cp1252(SOUND.encode())}"
    assert repaired(text) == f"{SOUND}\n{SOUND}"


@pytest.mark.parametrize(
    "text",
    [
        SOUND,
        "锟斤拷锟斤拷锟斤拷烫烫烫",  # the bytes are gone
        SOUND.encode().decode("gbk", "replace"),
        cp1252(SOUND.encode()).replace("\x8d", "").replace("\x81", "").replace("\x9d", "")[:-1],
        "Ma voisine a été très gênée : « où est passé l’été ? »",
        "São Paulo, à noite; Ä Ö Ü ß – Größe, naïve Übermäßigkeit",
        "他在 Café “Crème Brûlée” 里点了一份 crème，又要了 jalapeño。",
        "曰若稽古，帝堯曰放勳，欽明文思安安，允恭克讓，光被四表，格于上下。",
        "涓涓细流，浜上人家，鑳芥槸",  # a few such characters among others
        "",
    ],
)
def test_what_is_not_certain_stays(text: str) -> None:
    assert repaired(text) == text


@given(st.text(max_size=60))
def test_text_with_nothing_misread_never_changes_twice(text: str) -> None:
    once = repaired(text)
    assert repaired(once) == once


def test_the_judge_keeps_what_was_repaired_and_says_so() -> None:
    judge = Judge(FilteringConfig())
    judged = judge.judge(cp1252(SOUND.encode()), language="zh")
    assert (judged.verdict.keep, judged.text, judged.repaired) == (True, SOUND, True)
    assert not judge.judge(SOUND, language="zh").repaired
    off = Judge(FilteringConfig.model_validate({"text": {"repair_mojibake": False}}))
    assert off.judge(cp1252(SOUND.encode()), language="zh").verdict.reason == "encoding.mojibake"
