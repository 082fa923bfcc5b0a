from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_llama import chinese_texts, english_texts

from hanhua.vocab_extension.proof.pair import Pair, open_pair
from hanhua.vocab_extension.proof.trials import try_texts
from hanhua.vocab_extension.proof.verify_encoding import Trials
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file


@pytest.fixture(scope="module")
def pair(base: Path, extension: Path) -> Pair:
    return open_pair(base, extension)


def test_lines_without_han_are_compared_in_texts_with_it(pair: Pair) -> None:
    trial = try_texts(pair, "x", ["one\ntwo\n三\nfour\n"])
    assert trial.without_han_bytes == len("one\ntwo\nfour\n")
    assert trial.texts == 1
    assert trial.all.bytes == len("one\ntwo\n三\nfour\n".encode())
    assert trial.changed.number == trial.lost.number == 0


def without_merges_of_h(base: Path) -> BpeFile:
    file = read_bpe_file(base)
    kept = [merge for merge in file.data["model"]["merges"] if "h" not in "".join(merge)]
    model = {**file.data["model"], "merges": kept, "ignore_merges": False}
    return BpeFile(file.place, {**file.data, "model": model})


def test_a_changed_encoding_is_found_and_counted(base: Path) -> None:
    file = read_bpe_file(base)
    assert try_texts(Pair(file, file), "same", english_texts()).changed.number == 0
    trial = try_texts(Pair(file, without_merges_of_h(base)), "changed", ["the theatre then\n"] * 30)
    assert trial.changed.number == 30
    assert len(trial.changed.kept) == 10
    assert "changed: 'the theatre then\\n' was" in trial.changed.kept[0]


def test_languages_are_told_apart(pair: Pair) -> None:
    trial = try_texts(
        pair,
        "x",
        [
            "東京は首都です",
            "ひらがなだけ",
            "大韓民國의 主權은 國民에게",
            "中文，夹一个の字的句子在这里",
            *chinese_texts()[:5],
        ],
    )
    assert trial.japanese.bytes == len("東京は首都です".encode())
    assert trial.korean.bytes == len("大韓民國의 主權은 國民에게".encode())
    assert trial.japanese.extended_tokens <= trial.japanese.base_tokens


def test_the_built_in_samples_name_nobody_twice(pair: Pair) -> None:
    done = {trial.name: trial for trial in Trials(pair).done}
    assert done["built-in Japanese"].japanese.bytes == done["built-in Japanese"].all.bytes
    assert done["built-in Korean with hanja"].korean.bytes == done["built-in Korean with hanja"].all.bytes


@pytest.mark.parametrize("in_one_document", [pytest.param(False, marks=pytest.mark.slow), True])
def test_memory_does_not_grow_with_the_texts(pair: Pair, in_one_document: bool) -> None:
    line = "some plain English words, 汉字也有一些。\n"

    def many(number: int) -> Iterator[str]:
        if in_one_document:
            yield line * number
        else:
            yield from (line for _ in range(number))

    def peak(number: int) -> int:
        tracemalloc.start()
        trial = try_texts(pair, "many", many(number))
        assert trial.all.bytes == len(line.encode()) * number
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most - (len(line) * 2 * number if in_one_document else 0)

    try_texts(pair, "warm", many(10))
    assert peak(24_000) < 1.3 * peak(12_000)


def test_speed_is_told_only_of_enough(pair: Pair) -> None:
    assert try_texts(pair, "x", ["few"]).speed_ratio is None
    assert try_texts(pair, "x", ["few"]).as_json()["encode_speed_ratio"] is None
