"""The one door through which texts become ids in bulk: by `fastokens` where it agrees, else by `tokenizers`.

`fastokens` reads the same `tokenizer.json` and encodes text eight to twenty times as fast, but takes a second or two
to load. So the first megabytes go through `tokenizers`; then both encode a sample of the very texts that came, and
texts made to tell encoders apart. One id that differs, or a file it does not read, and `tokenizers` goes on alone.

Shape suffixes: N texts, T tokens of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from hanhua.progress import say

WORTH_BYTES = 4_000_000
"""How much text costs `tokenizers` as much time as loading `fastokens`."""
SAMPLE_CHARACTERS = 60_000
_MOST_MARKS = 300
ODD_TEXTS = (
    "",
    " ",
    "\n\n  \r\n\t x",
    "a\x00b\x85\u2028\ufeff中文\u200b",
    "IT'S i'm 'LL ſ's ＇s",
    "é e\u0301 ﬁ İI ß",
    "12345678901 １２３ ①②½ Ⅷ 二〇〇八",
    "가 ᄀ ᅡ 한국어 ひらがな カタカナ",
    "\U0002a6d6字 ⼀⺀ 々〆 🇨🇳👨‍👩‍👧",
    "，我们 用户名\u3000（中文）·——“引号”\u00a0",
    "def f(x):\n    return x  # 注释\n\n\n",
)


@dataclass(frozen=True)
class Rows:
    """The ids of N texts in one array; those of the n-th end at ends_N[n], where the next one's begin."""

    ids_T: npt.NDArray[np.uint32]
    ends_N: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends_N)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint32]]:
        begin = 0
        for end in self.ends_N.tolist():
            yield self.ids_T[begin:end]
            begin = end

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The number of tokens of each text."""
        lengths: npt.NDArray[np.int64] = np.diff(self.ends_N, prepend=0)
        return lengths


class Encoder:
    """Encodes texts as a tokenizer of `tokenizers` does, its `encode_special_tokens` included; adds no special token.

    expected_bytes: how much text will come; None when nobody knows. Truncation and padding are the tokenizer's own
    affair: with either, `tokenizers` alone encodes.
    """

    def __init__(self, tokenizer: Tokenizer, *, expected_bytes: int | None = None) -> None:
        self.tokenizer = tokenizer
        self._left = WORTH_BYTES if expected_bytes is None or expected_bytes < WORTH_BYTES else 0
        self._undecided = tokenizer.truncation is None and tokenizer.padding is None
        self._fast: Any = None

    @property
    def is_fast(self) -> bool:
        """Whether `fastokens` has taken over."""
        return self._fast is not None

    def encode(self, texts: Sequence[str]) -> Rows:
        """Return the ids of texts that UTF-8 can spell."""
        if self._undecided:
            self._left -= sum(map(len, texts))
            if self._left <= 0:
                self._undecided, self._fast = False, _opened(self.tokenizer, texts)
        if self._fast is None:
            return _slowly(self.tokenizer, texts)
        return _fast_rows(self._fast, texts, self.tokenizer)


def _opened(tokenizer: Tokenizer, texts: Sequence[str]) -> Any:
    """Return fastokens' tokenizer if it is there and agrees on a sample, else None."""
    try:
        import fastokens
    except ImportError:
        return None
    try:
        fast = fastokens.Tokenizer.from_json_str(tokenizer.to_str())
        sample = [*ODD_TEXTS, *_marked(tokenizer), *_sample(texts)]
        agrees = _same(_slowly(tokenizer, sample), _fast_rows(fast, sample, tokenizer))
    except (ValueError, RuntimeError) as error:
        say(f"fastokens does not read this tokenizer ({error}): encoding with tokenizers")
        return None
    if not agrees:
        say("fastokens gives other ids on a sample: encoding with tokenizers")
    return fast if agrees else None


def _sample(texts: Sequence[str]) -> Iterator[str]:
    left = SAMPLE_CHARACTERS
    for text in texts:
        if left <= 0:
            break
        yield text[:left]
        left -= len(text) + 1


def _marked(tokenizer: Tokenizer) -> Iterator[str]:
    """Yield texts that spell the added tokens: are they met, and what becomes of the space beside them?"""
    for token in islice(tokenizer.get_added_tokens_decoder().values(), _MOST_MARKS):
        yield f"中文 {token.content} a{token.content}\n"


def _same(a: Rows, b: Rows) -> bool:
    return bool(np.array_equal(a.ids_T, b.ids_T) and np.array_equal(a.ends_N, b.ends_N))


def _slowly(tokenizer: Tokenizer, texts: Sequence[str]) -> Rows:
    encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    ends_N = np.cumsum(np.fromiter(map(len, encodings), dtype=np.int64, count=len(encodings)))
    parts = [np.zeros(0, dtype=np.uint32), *(np.array(encoding.ids, dtype=np.uint32) for encoding in encodings)]
    return Rows(np.concatenate(parts), ends_N)


def _fast_rows(fast: Any, texts: Sequence[str], tokenizer: Tokenizer) -> Rows:
    ids, offsets = fast.encode_batch_flat(list(texts), split_special_tokens=tokenizer.encode_special_tokens)
    return Rows(np.frombuffer(ids, dtype=np.uint32), np.frombuffer(offsets, dtype=np.uint64)[1:].astype(np.int64))
