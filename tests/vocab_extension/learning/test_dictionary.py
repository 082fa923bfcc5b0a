"""The lists of words that packages carry: what is in them, and what their frequencies are."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.errors import InputError
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.learning import dictionary
from hanhua.vocab_extension.learning.counts import sum_counts
from hanhua.vocab_extension.learning.dictionary import dictionary_words, word_frequencies
from hanhua.vocab_extension.learning.kept_dictionary import count_dictionary, kept_dictionary
from hanhua.vocab_extension.tokenizer_json import BpeFile
from hanhua.zh_text.misreading import is_misread
from hanhua.zh_text.scripts import is_han


@pytest.fixture(scope="module")
def deepseek() -> dict[str, int]:
    return word_frequencies("deepseek")


def test_a_vocabulary_is_its_han_tokens_the_first_the_most_frequent(deepseek: dict[str, int]) -> None:
    assert len(deepseek) > 30_000
    assert all(map(is_han, deepseek))
    assert deepseek["我们"] > deepseek["互联网"] > deepseek["机器学习"] > 0
    # Of rare characters that a misreading gives, only what their words bear out is left.
    frequencies = [frequency for word, frequency in deepseek.items() if not is_misread(word)]
    assert frequencies == sorted(frequencies, reverse=True)
    # The 50th weighs half as much as the first would at 1 / 50: no token of the beginning outweighs all others.
    assert 1.9 < frequencies[0] / frequencies[50] < 2.1


def test_behind_tw_are_the_forms_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "_dictionary", lambda: {"头发": 5, "发展": 3, "中文": 9, "發展": 1})
    assert word_frequencies("jieba-tw") == {"頭髮": 5}


def test_a_word_has_a_frequency_in_each_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "_dictionary", lambda: {"头发": 5, "中文": 9})
    monkeypatch.setattr(dictionary, "_vocabulary", lambda name: {"中文": 4, "云原生": 2})
    assert dictionary_words(["jieba", "qwen"], scripts="as-is", base=None) == {
        "头发": ((5, 0), False),
        "中文": ((9, 4), False),
        "云原生": ((0, 2), False),
    }


def test_lists_share_the_mass_as_they_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base_file: BpeFile
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(dictionary, "_dictionary", lambda: {"头发": 10})
    monkeypatch.setattr(dictionary, "_vocabulary", lambda name: {"云原生": 7})
    kept = kept_dictionary(base_file, ["qwen", "jieba"], scripts="as-is", spaced=False)
    file = count_dictionary(kept, tmp_path / "d", characters=100, weights={"qwen": 3.0, "jieba": 1.0}, spaced=0.0)
    counted = sum_counts([file], max_strings=100)
    weights = dict(zip(counted.strings.to_pylist(), (counted.weight_S / 256).tolist(), strict=True))
    assert weights == {"头发": pytest.approx(12.5), "云原生": pytest.approx(25.0)}


def test_a_list_of_a_package_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Path:
        raise InputError(f"base {name!r} needs the package that carries it")

    monkeypatch.setattr(dictionary, "resolve_base_tokenizer", absent)
    with pytest.raises(InputError, match="needs the package"):
        word_frequencies("qwen")


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(ValueError, match="word_lists"):
        VocabExtensionConfig(word_lists={"thesaurus": 1.0})  # type: ignore[dict-item]
