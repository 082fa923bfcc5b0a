"""The frequencies of jieba's dictionary as evidence: 349,000 words of general Chinese, whatever the corpus is about."""

from __future__ import annotations

from importlib.resources import files

from hanhua.vocab_extension.learning.conversion import open_converters
from hanhua.vocab_extension.learning.count import Counted
from hanhua.vocab_extension.tokenizer_json import BpeFile
from hanhua.zh_text.scripts import is_han

ALL_DOCUMENTS = (1 << 64) - 1


def dictionary_frequencies() -> dict[str, int]:
    """Return the Han words of jieba's dictionary with their frequencies."""
    frequencies: dict[str, int] = {}
    for line in files("jieba").joinpath("dict.txt").read_text(encoding="utf-8").splitlines():
        word, frequency, *_ = line.split(" ")
        if is_han(word):
            frequencies[word] = int(frequency)
    return frequencies


def dictionary_words(*, scripts: str, base: BpeFile | None) -> dict[str, tuple[int, bool]]:
    """Return the words in the scripts that are wanted: frequency, and whether a space stands before.

    base: of which words it takes with a space as one token (` 用`, 户名) follows: those are there with the space too,
    since a token learned from the bare word cannot stand behind one. None: no word is.
    """
    counted: Counted = {word: (frequency, ALL_DOCUMENTS) for word, frequency in dictionary_frequencies().items()}
    for convert in open_converters(scripts):
        counted = convert(counted)
    words = {word: (frequency, False) for word, (frequency, _) in counted.items()}
    if base is not None:
        words |= {" " + word: (counted[word][0], True) for word in words_behind_a_swallowed_space(list(counted), base)}
    return words


def words_behind_a_swallowed_space(words: list[str], base: BpeFile) -> list[str]:
    """Return the words that the base cuts otherwise behind a space: its first token there is more than the space."""
    encodings = base.pretoken_encoder().encode_batch_fast([" " + word for word in words], add_special_tokens=False)
    return [word for word, found in zip(words, encodings, strict=True) if base.bytes_of[found.ids[0]] != b" "]
