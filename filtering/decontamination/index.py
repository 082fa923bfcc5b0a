"""An index of the 13-character shingles of questions, and which of the questions a document holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from hanhua.filtering.decontamination.questions import Question
from hanhua.filtering.decontamination.settings import DecontaminationConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject
from hanhua.filtering.shingles import SHINGLE, Hashes, hash_ngrams, widen
from hanhua.zh_text.folding import folded_codes

SHINGLE_CHARACTERS = 13
STEM_CHARACTERS = 20
"""Letters of a question that is looked for without its options too; shorter ones are phrases (下列说法正确的是)."""
MAX_QUESTIONS = 20
"""A shingle of more questions than that is a phrase of examinations, and tells nothing."""
_FILTER_BITS = 22


@dataclass(frozen=True)
class HeldQuestion:
    """A question that a document holds, and the share of its shingles."""

    place: str
    overlap: float


class BenchmarkIndex:
    """Finds the questions that a folded text holds."""

    def __init__(self, questions: Iterable[Question], *, min_characters: int = SHINGLE_CHARACTERS) -> None:
        self._places: list[str] = []
        hashes: list[Hashes] = []
        units: list[npt.NDArray[np.uint32]] = []
        for question in questions:
            for shingles in _units(question, min_characters):
                hashes.append(shingles)
                units.append(np.full(len(shingles), len(self._places), dtype=np.uint32))
                self._places.append(question.place)
        self._hashes = np.concatenate([np.zeros(0, np.uint64), *hashes])
        self._units = np.concatenate([np.zeros(0, np.uint32), *units])
        self._sort()
        self._finish()

    def _finish(self) -> None:
        self._sizes = np.bincount(self._units, minlength=len(self._places))
        # A bit for each low part of a hash: hardly a shingle of an innocent text passes it.
        self._filter = np.zeros(1 << _FILTER_BITS, dtype=bool)
        self._filter[self._hashes & np.uint64((1 << _FILTER_BITS) - 1)] = True

    def write(self, out: BinaryIO) -> None:
        """Write it as arrays."""
        places = np.frombuffer(json.dumps(self._places, ensure_ascii=False).encode(), dtype=np.uint8)
        np.savez(out, hashes=self._hashes, units=self._units, places=places)

    @classmethod
    def restored(cls, arrays: dict[str, npt.NDArray[Any]]) -> BenchmarkIndex:
        """Return the index of the arrays that `write` wrote."""
        index = cls(())
        index._hashes, index._units = arrays["hashes"], arrays["units"]
        index._places = json.loads(arrays["places"].tobytes())
        index._finish()
        return index

    def __len__(self) -> int:
        return len(self._places)

    def _sort(self) -> None:
        """Order the shingles by hash, without those of too many questions."""
        names: dict[str, int] = {}
        numbers = np.array([names.setdefault(place, len(names)) for place in self._places], dtype=np.uint32)
        questions = numbers[self._units] if len(self._units) else self._units
        order = np.lexsort((questions, self._hashes))
        hashes, questions, units = self._hashes[order], questions[order], self._units[order]
        if not len(hashes):
            return
        other_hash = np.concatenate([[True], hashes[1:] != hashes[:-1]])
        other_question = other_hash | np.concatenate([[True], questions[1:] != questions[:-1]])
        starts = np.flatnonzero(other_hash)
        of_each = np.add.reduceat(other_question.astype(np.int64), starts)
        telling = np.repeat(of_each <= MAX_QUESTIONS, np.diff(np.append(starts, len(hashes))))
        self._hashes, self._units = hashes[telling], units[telling]

    def find(self, shingles: Hashes, *, min_overlap: float) -> list[HeldQuestion]:
        """Return the questions of which a text with these 13-character shingles holds enough, most first."""
        likely = shingles[self._filter[shingles & np.uint64((1 << _FILTER_BITS) - 1)]]
        if not len(likely):
            return []
        likely = np.unique(likely)
        begin = np.searchsorted(self._hashes, likely, side="left")
        end = np.searchsorted(self._hashes, likely, side="right")
        hit = [self._units[a:b] for a, b in zip(begin.tolist(), end.tolist(), strict=True) if a < b]
        if not hit:
            return []
        units, counts = np.unique(np.concatenate(hit), return_counts=True)
        best: dict[str, float] = {}
        for unit, count in zip(units.tolist(), counts.tolist(), strict=True):
            overlap = count / int(self._sizes[unit])
            if overlap >= min_overlap:
                best[self._places[unit]] = max(best.get(self._places[unit], 0.0), round(overlap, 4))
        return sorted((HeldQuestion(*item) for item in best.items()), key=lambda one: (-one.overlap, one.place))


def _units(question: Question, min_characters: int) -> list[Hashes]:
    """Return the shingles of a question with its options, and of one that is not short without them.

    Options as they are printed, after their letters, and one after the other: so short ones make shingles too.
    """
    listed = " ".join([question.stem, *question.options])
    whole, plain, stem = (folded_codes(text) for text in (question.whole, listed, question.stem))
    layouts = [whole, plain] if question.options else [whole]
    found = [codes for codes in layouts if len(codes) >= max(min_characters, SHINGLE_CHARACTERS)]
    found += [stem] if question.options and len(stem) >= STEM_CHARACTERS else []
    return [np.unique(widen(hash_ngrams(codes, SHINGLE))) for codes in found]


def benchmark(draft: Draft, limits: DecontaminationConfig, *, index: BenchmarkIndex) -> Verdict:
    """Reject a document that holds a question of a benchmark, naming it; all of them are noted in the draft."""
    if len(draft.folded.text) < SHINGLE_CHARACTERS:
        return KEEP
    held = index.find(widen(draft.shingles), min_overlap=limits.min_overlap)
    if not held:
        return KEEP
    draft.questions = [(one.place, one.overlap) for one in held]
    more = f" and {len(held) - 1} more" if len(held) > 1 else ""
    return reject("benchmark", f"{held[0].place} ({held[0].overlap:.0%} of it){more}")
