"""The frequencies of jieba's dictionary as evidence: 349,000 words of general Chinese, whatever the corpus is about."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from hanhua.vocab_extension.learning.conversion import open_converters
from hanhua.vocab_extension.learning.count import UNIT, Counted
from hanhua.vocab_extension.learning.counts import CountFile, write_counts
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


def count_dictionary(path: Path, *, characters: float, scripts: str) -> CountFile:
    """Write the dictionary as counts that together hold `characters` characters."""
    counted: Counted = {word: (frequency, ALL_DOCUMENTS) for word, frequency in dictionary_frequencies().items()}
    for convert in open_converters(scripts):
        counted = convert(counted)
    total = sum(len(word) * frequency for word, (frequency, _) in counted.items())
    scale = characters * UNIT / total
    scaled = {word: (max(round(frequency * scale), 1), seen) for word, (frequency, seen) in counted.items()}
    return CountFile(write_counts(path, scaled).path, len(scaled), occurs=False)
