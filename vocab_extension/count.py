"""Counts the pre-tokens that hold Han characters, and roughly how many documents each is in.

Evidence is counted on what the tokenizer really sees: Llama 3's pattern glues one preceding space or mark
to a run of letters (`，我们`, ` 用户`), and a base token often swallows both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import xxhash

from hanhua.zh_text.scripts import HAN

_HAS_HAN = re.compile(f"[{HAN}]")
_COUNT_BITS = 48
_COUNT_MASK = (1 << _COUNT_BITS) - 1
DOCUMENT_BITS = 64


def count_of(packed: int) -> int:
    """Return the count of a packed (document set, count): one integer a string halves the table's memory."""
    return packed & _COUNT_MASK


def documents_of(packed: int) -> int:
    """Return the document set of a packed (document set, count)."""
    return packed >> _COUNT_BITS


def add_packed(table: dict[str, int], string: str, packed: int) -> None:
    """Add the counts of two packed values and unite their document sets."""
    old = table.get(string, 0)
    table[string] = ((old + (packed & _COUNT_MASK)) | (packed & ~_COUNT_MASK)) if old else packed


@dataclass
class PretokenTable:
    """Pre-tokens with their count and a 64-bit set of documents.

    A document is one of 64 bits, by the hash of its text, so that a union of sets counts at least that many
    documents, and never too many; a text seen before is not counted again, so that one page copied ten
    thousand times weighs as much as one. Beyond `max_strings` the rarest strings are forgotten.
    """

    max_strings: int
    documents: int = 0
    duplicates: int = 0
    characters: int = 0
    forgotten: int = 0
    _packed: dict[str, int] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._packed)

    def add(self, text: str, split: Callable[[str], Iterator[str]]) -> None:
        """Count one document."""
        digest = xxhash.xxh3_64_intdigest(text.encode())
        if digest in self._seen:
            self.duplicates += 1
            return
        self._seen.add(digest)
        self.documents += 1
        self.characters += len(text)
        if not _HAS_HAN.search(text):
            return
        bit = 1 << (_COUNT_BITS + digest % DOCUMENT_BITS)
        packed = self._packed
        for word, count in Counter(w for w in split(text) if _HAS_HAN.search(w)).items():
            packed[word] = (packed.get(word, 0) + count) | bit
        if len(packed) > self.max_strings:
            self._forget_rarest()

    def items(self) -> Iterator[tuple[str, int]]:
        """Yield (pre-token, packed count and document set), sorted by pre-token."""
        for word in sorted(self._packed):
            yield word, self._packed[word]

    def release(self) -> None:
        """Free the strings and keep the totals: training needs the memory."""
        self._packed = {}
        self._seen = set()

    def _forget_rarest(self) -> None:
        # Down to three quarters, so that forgetting is rare; what is forgotten has the lowest counts.
        for floor in sorted({count_of(packed) for packed in self._packed.values()}):
            if len(self._packed) <= self.max_strings * 3 // 4:
                return
            kept = {word: packed for word, packed in self._packed.items() if count_of(packed) > floor}
            self.forgotten += len(self._packed) - len(kept)
            self._packed = kept
