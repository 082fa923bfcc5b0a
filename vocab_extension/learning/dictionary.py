"""The frequencies of jieba's dictionary as evidence: 349,000 words of general Chinese, whatever the corpus is about."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from hanhua.vocab_extension.learning.conversion import open_converters
from hanhua.vocab_extension.learning.count import UNIT, Counted
from hanhua.vocab_extension.learning.counts import CountFile, write_counts
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


def count_dictionary(path: Path, *, characters: float, scripts: str, spaced: float, base: BpeFile) -> CountFile:
    """Write the dictionary as counts that together hold `characters` characters.

    spaced: what a word weighs behind a space as well, where the base takes the space and the beginning of the word
    as one token (` 用`, 户名): a token learned from the bare word cannot stand there.
    """
    counted: Counted = {word: (frequency, ALL_DOCUMENTS) for word, frequency in dictionary_frequencies().items()}
    for convert in open_converters(scripts):
        counted = convert(counted)
    total = sum(len(word) * frequency for word, (frequency, _) in counted.items())
    scale = characters * UNIT / total
    scaled = {word: (max(round(frequency * scale), 1), seen) for word, (frequency, seen) in counted.items()}
    if spaced:
        for word in words_behind_a_swallowed_space(list(counted), base):
            frequency, seen = counted[word]
            scaled[" " + word] = (max(round(frequency * scale * spaced), 1), seen)
    return CountFile(write_counts(path, scaled).path, len(scaled), occurs=False)


def words_behind_a_swallowed_space(words: list[str], base: BpeFile) -> list[str]:
    """Return the words that the base cuts otherwise behind a space: its first token there is more than the space."""
    encodings = base.pretoken_encoder().encode_batch_fast([" " + word for word in words], add_special_tokens=False)
    return [word for word, found in zip(words, encodings, strict=True) if base.bytes_of[found.ids[0]] != b" "]
