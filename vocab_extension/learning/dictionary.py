"""Lists of Chinese words with frequencies as evidence of general Chinese, whatever the corpus is about.

jieba's dictionary has 349,000 words. Some of the text they were counted on was UTF-8 read as GBK, where the first two
bytes of 中, 一 and 不 are 涓: that is there 12,958 times, 苹果 1,334 times. So a rare character that such a misreading
gives has no more of its own frequency than the words it is in bear out.

The vocabulary of an open tokenizer was learned from far more modern Chinese than anybody has at hand, phrases and new
words among it, but says no frequencies. Its order does: the n-th token that BPE makes is about as frequent as a
constant over n. So its n-th Chinese token counts as 1 / (n + 50); without the 50, its first ones alone would outweigh
all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.vocab_extension.learning.conversion import open_converters
from hanhua.vocab_extension.learning.count import Counted
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file
from hanhua.zh_text.misreading import is_misread
from hanhua.zh_text.scripts import is_han

ALL_DOCUMENTS = (1 << 64) - 1
JIEBA = "jieba"
TRADITIONAL = "-tw"
"""Behind the name of a list: its words in Traditional characters, those alone that are written otherwise then."""
_FLATTENED = 50
_SCALE = 10**9

Words = dict[str, tuple[tuple[int, ...], bool]]
"""Of each word: its frequency in each list, and whether a space stands before it."""


def word_frequencies(name: str) -> dict[str, int]:
    """Return the Han words of a list with their frequencies, without what was misread.

    name: `jieba`, or a tokenizer that a package carries, each perhaps with `-tw` behind it. Raises InputError when the
    package is not installed.
    """
    plain = name.removesuffix(TRADITIONAL)
    frequencies = without_misread(_dictionary() if plain == JIEBA else _vocabulary(plain))
    return frequencies if plain == name else _traditional(frequencies)


def _dictionary() -> dict[str, int]:
    frequencies: dict[str, int] = {}
    for line in files("jieba").joinpath("dict.txt").read_text(encoding="utf-8").splitlines():
        word, frequency, *_ = line.split(" ")
        if is_han(word):
            frequencies[word] = int(frequency)
    return frequencies


def _vocabulary(name: str) -> dict[str, int]:
    file = read_bpe_file(resolve_base_tokenizer(name))
    words = (data.decode(errors="replace") for _, data in sorted(file.bytes_of.items()))
    return {word: _SCALE // (n + _FLATTENED) for n, word in enumerate(filter(is_han, words), start=1)}


def _traditional(frequencies: dict[str, int]) -> dict[str, int]:
    converted = _in_scripts(frequencies, "hant-tw")
    return {word: frequency for word, frequency in converted.items() if word not in frequencies}


def _in_scripts(frequencies: dict[str, int], scripts: str) -> dict[str, int]:
    counted: Counted = {word: (frequency, ALL_DOCUMENTS) for word, frequency in frequencies.items()}
    for convert in open_converters(scripts):
        counted = convert(counted)
    return {word: frequency for word, (frequency, _) in counted.items()}


def without_misread(frequencies: dict[str, int]) -> dict[str, int]:
    """Return the words that are no misread UTF-8, misread characters with the frequency that their words bear out."""
    words = {word: n for word, n in frequencies.items() if len(word) == 1 or not is_misread(word)}
    borne_out: Counter[str] = Counter()
    for word, frequency in words.items():
        if len(word) > 1:
            borne_out.update(dict.fromkeys(set(word), frequency))
    kept = ((word, min(n, borne_out[word]) if is_misread(word) else n) for word, n in words.items())
    return {word: frequency for word, frequency in kept if frequency}


def dictionary_words(lists: Sequence[str], *, scripts: str, base: BpeFile | None) -> Words:
    """Return the words of the lists in the scripts that are wanted.

    base: of which words it takes with a space as one token (` 用`, 户名) follows: those are there with the space too,
    since a token learned from the bare word cannot stand behind one. None: no word is.
    """
    found = [_in_scripts(word_frequencies(name), scripts) for name in lists]
    frequencies = {
        word: tuple(listed.get(word, 0) for listed in found)
        for word in dict.fromkeys(word for listed in found for word in listed)
    }
    words = {word: (listed, False) for word, listed in frequencies.items()}
    if base is not None:
        spaced = words_behind_a_swallowed_space(list(frequencies), base)
        words |= {" " + word: (frequencies[word], True) for word in spaced}
    return words


def words_behind_a_swallowed_space(words: list[str], base: BpeFile) -> list[str]:
    """Return the words that the base cuts otherwise behind a space: its first token there is more than the space."""
    encodings = base.pretoken_encoder().encode_batch_fast([" " + word for word in words], add_special_tokens=False)
    return [word for word, found in zip(words, encodings, strict=True) if base.bytes_of[found.ids[0]] != b" "]
