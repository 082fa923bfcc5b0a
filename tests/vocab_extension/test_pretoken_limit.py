"""No tokenizer of a base has fewer tokens than its pre-tokenizer makes pieces, and a tight one is said to be tight."""

from __future__ import annotations

from pathlib import Path

from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.learned_list import read_learned
from hanhua.vocab_extension.pretoken_limit import PretokenLimit, beginning, pretoken_limit
from hanhua.vocab_extension.tokenizer_json import BpeFile, load_tokenizer


def test_pieces_are_counted_as_the_base_cuts(base_file: BpeFile) -> None:
    found = pretoken_limit(base_file, ["你好，世界！ok 12345", "", "第2章"])
    # 你好 | ，世界 | ！ | ok (with 界 not beside it) | a space and the digits by threes | 第 | 2 | 章
    assert (found.characters, found.pieces, found.han_characters, found.han_pieces) == (17, 9, 7, 4)
    assert found.characters_per_token == 17 / 9
    assert "17 characters into 9 pieces" in found.words()


def test_no_extension_gets_above_it(base_file: BpeFile, extension: Path, texts: list[str]) -> None:
    limit = pretoken_limit(base_file, texts)
    file = extended(base_file, read_learned(extension, base_file))
    tokenizer = load_tokenizer(file.data)
    tokens = sum(len(tokenizer.encode(text, add_special_tokens=False)) for text in texts)
    assert limit.characters / tokens < limit.characters_per_token


def test_a_base_that_cuts_single_characters_is_told(base_file: BpeFile) -> None:
    one_by_one = {"type": "Split", "pattern": {"Regex": r"\p{Han}"}, "behavior": "Isolated", "invert": False}
    steps = base_file.data["pre_tokenizer"]["pretokenizers"]
    pipeline = {"type": "Sequence", "pretokenizers": [one_by_one, *steps]}
    found = pretoken_limit(BpeFile(base_file.place, {**base_file.data, "pre_tokenizer": pipeline}), ["我们的用户名"])
    assert (found.han_pieces, found.han_characters_per_token) == (6, 1.0)
    assert "next to nothing to join" in found.words()
    assert "next to nothing to join" not in pretoken_limit(base_file, ["我们的用户名"]).words()


def test_no_text_has_no_limit() -> None:
    empty = PretokenLimit(0, 0, 0, 0)
    assert (empty.characters_per_token, empty.han_characters_per_token) == (0.0, 0.0)


def test_the_beginning_is_of_so_many_characters() -> None:
    assert list(beginning(["一二三", "四五", "六"], characters=4)) == ["一二三", "四"]
    assert list(beginning(["一二三"], characters=9)) == ["一二三"]
