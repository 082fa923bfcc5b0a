from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from hanhua.vocab_extension.learning.count import UNIT, SourceCounts, count_batches, count_pretokens, multipliers
from hanhua.vocab_extension.learning.counts import CountFile, sum_counts
from hanhua.vocab_extension.learning.sources import Batch, Reader, Source
from hanhua.vocab_extension.tokenizer_json import BpeFile, pretoken_splitter


def batches(texts: list[str], characters: int = 1_000_000) -> Iterator[Batch]:
    return Reader((Source("zh", texts),), characters).batches()


def counted(base_file: BpeFile, texts: list[str]) -> dict[str, tuple[int, int]]:
    split = pretoken_splitter(Tokenizer.from_file(str(base_file.place)), base_file.data)
    (batch,) = batches(texts)
    return {word: (count, seen.bit_count()) for word, (count, seen) in count_pretokens(batch, split).as_dict().items()}


def test_pretokens_are_counted_as_the_tokenizer_sees_them(base_file: BpeFile) -> None:
    found = counted(base_file, ["我们，我们 用户abc。x1 no Han", "我们。", "plain"])
    assert found == {"我们": (2, 2), "，我们": (1, 1), " 用户abc": (1, 1)}


def test_a_copied_document_counts_once(base_file: BpeFile) -> None:
    assert counted(base_file, ["中文字幕"] * 10_000) == {"中文字幕": (1, 1)}


def test_the_fast_splitter_cuts_where_the_whole_pre_tokenizer_does(base_file: BpeFile, texts: list[str]) -> None:
    tokenizer = Tokenizer.from_file(str(base_file.place))
    split = pretoken_splitter(tokenizer, base_file.data)
    odd = [
        "It's 12345中文ABC、、「你好」。\r\n\n  x\u3000〇二 é̄ñ ߀१ ﬁ𠮷\U0001f600中\ufe0f 。",
        "",
        " ",
        "\n\n",
        "'S中's",
    ]
    for text in [*texts[:20], *odd]:
        whole = [text[a:b] for _, (a, b) in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        assert list(split(text)) == whole


def total(base: Path, texts: list[str], folder: Path, *, workers: int, characters: int) -> dict[str, int]:
    folder.mkdir()
    (source,) = count_batches(
        batches(texts, characters), sources=1, base=base, scripts="as-is", workers=workers, scratch=folder
    )
    summed = sum_counts(source.files, max_strings=10**6)
    return dict(zip(summed.strings.to_pylist(), summed.weight_S.tolist(), strict=True))


def test_batches_and_workers_change_nothing(base: Path, texts: list[str], tmp_path: Path) -> None:
    shuffled = random.Random(7).sample(texts, len(texts))
    one = total(base, texts, tmp_path / "one", workers=1, characters=10**9)
    assert total(base, shuffled, tmp_path / "many", workers=1, characters=3000) == one
    assert total(base, shuffled, tmp_path / "two", workers=2, characters=20_000) == one


def sizes(*characters: int) -> list[SourceCounts]:
    return [SourceCounts([CountFile(Path("x"), 1)], n) for n in characters]


def test_multipliers_share_the_whole_as_told() -> None:
    assert multipliers(sizes(100, 900), [1.0, 1.0], 0.0) == [UNIT, UNIT]
    assert multipliers(sizes(100, 900), [1.0, 1.0], 1.0) == [UNIT * 5, round(UNIT * 500 / 900)]
    even = multipliers(sizes(100, 900), [1.0, 1.0], 0.5)
    assert even[0] / even[1] == pytest.approx(3.0, rel=0.01)  # a share of n^0.5 is n^-0.5 each
    assert multipliers(sizes(100, 100), [3.0, 1.0], 0.0) == [UNIT * 3 // 2, UNIT // 2]
    assert multipliers(sizes(100, 0), [1.0, 1.0], 0.5) == [UNIT, 0]
    assert multipliers([], [], 0.5) == []
