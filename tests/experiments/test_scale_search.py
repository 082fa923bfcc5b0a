"""The search for a scale: what is chosen, what counts as a reply in the prompt's language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanhua.errors import InputError
from hanhua.experiments.scale_search import Tried, choose, draw_documents, read_chat_prompts, same_language


def tried(scale: float, bits: float, good: float) -> Tried:
    return Tried(scale, bits, good, good, 0.0, good, ())


@pytest.mark.parametrize(
    ("good", "chosen"),
    [
        ((0.0, 0.4, 0.9, 0.9), 0.5),  # a tie: the smaller
        ((0.0, 0.4, 0.5, 1.0), 0.5),  # 1.0 loses too much
        ((1.0, 0.0, 0.0, 0.0), 0.25),  # the adapted model as it is is no restoration
    ],
)
def test_the_most_good_replies_within_the_loss_win(good: tuple[float, ...], chosen: float) -> None:
    bits = (1.0, 1.01, 1.05, 1.0501)
    rows = [tried(scale, b, g) for scale, b, g in zip((0, 0.25, 0.5, 1.0), bits, good, strict=True)]
    best = choose(rows, max_loss=0.05)
    assert best is not None
    assert best.scale == chosen


def test_none_is_chosen_where_all_lose_too_much() -> None:
    assert choose([tried(0, 1.0, 0.0), tried(0.5, 1.2, 1.0)], max_loss=0.05) is None


@pytest.mark.parametrize(
    ("prompt", "reply", "same"),
    [
        ("写一首短诗。", "秋天来了，叶子黄了。", True),
        ("写一首短诗。", "Autumn has come.", False),
        ("用 Python 写一个函数", "def is_prime(n): return n > 1  # 判断质数，先看是不是大于一", True),
        ("Explain recursion.", "递归就是函数调用自己。", False),
        ("Explain recursion.", "A function that calls itself.", True),
        ("一斤等于多少克？", "500", False),
        ("一斤等于多少克？", "", False),
    ],
)
def test_a_reply_is_in_the_language_of_its_prompt(prompt: str, reply: str, same: bool) -> None:
    assert same_language(prompt, reply) is same


def test_the_prompts_that_come_along_are_in_two_languages() -> None:
    prompts = read_chat_prompts()
    chinese = sum(same_language("中文", prompt) for prompt in prompts)
    assert (len(prompts), chinese) == (24, 18)
    assert read_chat_prompts(max_prompts=3) == prompts[:3]


def test_documents_are_drawn_by_their_text_and_never_from_train(tmp_path: Path) -> None:
    rows = [{"text": f"文章 {i}", "split": "heldout" if i % 2 else "train"} for i in range(40)]
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    second.write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)), encoding="utf-8")
    drawn, other = (
        [d.text for d in draw_documents([str(file)], text_field="text", max_documents=5)] for file in (first, second)
    )
    assert drawn == other
    assert len(set(drawn)) == 5
    assert all(int(text.split()[1]) % 2 for text in drawn)
    first.write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="no held-out document"):
        draw_documents([str(first)], text_field="text", max_documents=5)
