from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_settings import SMALL

from hanhua.errors import InputError
from hanhua.vocab_extension.learning.learn import Learned, learn_tokens, rounded_size
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.learning.token_pattern import TokenPattern
from hanhua.vocab_extension.tokenizer_json import BpeFile
from hanhua.zh_text.scripts import is_han


@dataclass(frozen=True)
class Forbids:
    """A junk test that forbids strings with one of some characters."""

    characters: str
    fingerprint: str = "forbids"

    def is_junk(self, string: str) -> bool:
        return any(character in self.characters for character in string)


def zh(texts: list[str]) -> list[Source]:
    return [Source("zh", texts)]


def test_sizes_round_down_to_a_multiple_of_256() -> None:
    assert rounded_size(128_256, 8000) == 7936
    assert rounded_size(128_256, 256) == 256
    assert rounded_size(128_257, 8000) == 7935  # a base with a pad token of its own: the sum is the multiple
    assert rounded_size(128_256, 255) == 0


def test_new_tokens_are_whole_han_text_of_the_right_form(learned: Learned) -> None:
    shape = TokenPattern(SMALL.max_token_characters, SMALL.leading_mark)
    assert len(learned.tokens) == 512
    assert len({token.data for token in learned.tokens}) == 512
    for token in learned.tokens:
        assert shape.is_wanted(token.data)
        assert token.count >= SMALL.min_count
        assert token.documents >= SMALL.min_documents


def test_counts_are_those_of_the_texts(learned: Learned, texts: list[str]) -> None:
    for token in learned.tokens[:100]:
        holding = sum(token.text in text for text in set(texts))
        assert token.documents <= holding
        assert token.count <= sum(text.count(token.text) for text in set(texts))


def test_order_and_copies_change_nothing(base: Path, texts: list[str], learned: Learned) -> None:
    shuffled = random.Random(1).sample(texts, len(texts))
    again = learn_tokens(zh([*shuffled, *texts[:50]]), base=base, config=SMALL)
    assert again.tokens == learned.tokens
    assert again.duplicates == 50


def test_junk_is_left_out_and_nothing_built_on_it_is_lost(base: Path, texts: list[str], learned: Learned) -> None:
    common = next(token.text for token in learned.tokens if len(token.text) > 1)[-1]
    found = learn_tokens(zh(texts), base=base, config=SMALL, junk=Forbids(common))
    assert not any(common in token.text for token in found.tokens)
    assert found.dropped["junk"] > 0
    assert len(found.tokens) == 512  # the next best took their places


def test_one_document_buys_no_token(base: Path, base_file: BpeFile, texts: list[str]) -> None:
    whole = [data.decode() for data in base_file.bytes_of.values() if is_han(data.decode(errors="replace"))]
    single = sorted(token for token in whole if len(token) == 1)
    everything = "".join(texts)
    word = next(a + b for a in single for b in reversed(single) if a + b not in everything and b + a not in everything)
    alone = "。".join([word] * 500)
    found = learn_tokens(zh([*texts, alone]), base=base, config=SMALL)
    assert word not in {token.text for token in found.tokens}
    # The two copies differ by one mark, so that they are two documents.
    twice = learn_tokens(zh([*texts, alone, alone + "！"]), base=base, config=SMALL)
    assert any(word in token.text for token in twice.tokens)


def test_too_little_text_says_how_much_there_was(base: Path, texts: list[str]) -> None:
    with pytest.raises(InputError, match=r"only \d+ good new tokens.*\(3 documents"):
        learn_tokens(zh(texts[:3]), base=base, config=SMALL)


def test_no_chinese_text_is_an_error(base: Path) -> None:
    with pytest.raises(InputError, match="no Chinese text to learn from"):
        learn_tokens(zh(["English only", "かなだけ", "한국어"]), base=base, config=SMALL)


def test_fewer_good_candidates_than_wanted_round_down(
    base: Path, texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = learn_tokens(zh(texts), base=base, config=SMALL.model_copy(update={"new_tokens": 200_000}))
    assert len(found.tokens) % 256 == 0
    assert 0 < len(found.tokens) < 199_936
    said = capsys.readouterr().err
    assert "200,000 → 199,936" in said
    assert "the corpus gives only" in said


def test_without_glue_tokens_are_han_alone(base: Path, texts: list[str]) -> None:
    found = learn_tokens(zh(texts), base=base, config=SMALL.model_copy(update={"leading_mark": "none"}))
    assert all(TokenPattern(4, "none").is_wanted(token.data) for token in found.tokens)


def test_a_base_that_is_no_byte_level_bpe_is_refused(tmp_path: Path, texts: list[str]) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram", "vocab": []}}')
    with pytest.raises(InputError, match="Unigram"):
        learn_tokens(zh(texts), base=tmp_path, config=SMALL)


def test_what_both_sources_have_comes_before_what_one_has_more_of(base: Path, texts: list[str]) -> None:
    half = len(texts) // 2
    alone = [text + f"\n玛瑙{n}。" if n < 60 else text for n, text in enumerate(texts[:half])]
    sources = [
        Source("a", [text + f"\n琥珀{n}。" if n < 20 else text for n, text in enumerate(alone)]),
        Source("b", [text + f"\n琥珀{n}。" if n < 20 else text for n, text in enumerate(texts[half:])]),
    ]

    def names(exponent: float, given: list[Source]) -> list[str]:
        config = SMALL.model_copy(update={"source_exponent": exponent, "new_tokens": 1500})
        return [token.text for token in learn_tokens(given, base=base, config=config).tokens]

    plain, agreed = names(1, sources), names(0.5, sources)
    assert plain.index("玛瑙") < plain.index("琥珀")
    assert agreed.index("琥珀") < agreed.index("玛瑙")
    assert agreed == names(0.5, sources[::-1])
