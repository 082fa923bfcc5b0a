"""The frequencies of jieba's dictionary as evidence: 349,000 words of general Chinese, whatever the corpus is about.

Some of the text they were counted on was UTF-8 read as GBK, where the first two bytes of 中, 一 and 不 are 涓: that is
there 12,958 times, 苹果 1,334 times. So a rare character that such a misreading gives has no more of its own frequency
than the words it is in bear out.
"""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

from hanhua.vocab_extension.learning.conversion import open_converters
from hanhua.vocab_extension.learning.count import Counted
from hanhua.vocab_extension.tokenizer_json import BpeFile
from hanhua.zh_text.misreading import is_misread
from hanhua.zh_text.scripts import is_han

ALL_DOCUMENTS = (1 << 64) - 1


def dictionary_frequencies() -> dict[str, int]:
    """Return the Han words of jieba's dictionary with their frequencies, without what was misread."""
    frequencies: dict[str, int] = {}
    for line in files("jieba").joinpath("dict.txt").read_text(encoding="utf-8").splitlines():
        word, frequency, *_ = line.split(" ")
        if is_han(word):
            frequencies[word] = int(frequency)
    return without_misread(frequencies)


def without_misread(frequencies: dict[str, int]) -> dict[str, int]:
    """Return the words that are no misread UTF-8, misread characters with the frequency that their words bear out."""
    words = {word: n for word, n in frequencies.items() if len(word) == 1 or not is_misread(word)}
    borne_out: Counter[str] = Counter()
    for word, frequency in words.items():
        if len(word) > 1:
            borne_out.update(dict.fromkeys(set(word), frequency))
    kept = ((word, min(n, borne_out[word]) if is_misread(word) else n) for word, n in words.items())
    return {word: frequency for word, frequency in kept if frequency}


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
