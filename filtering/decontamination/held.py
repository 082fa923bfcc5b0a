"""Which of some questions any of some documents holds: the evaluation's question of the filter's own index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.filtering.decontamination.index import BenchmarkIndex
from hanhua.filtering.decontamination.questions import Question
from hanhua.filtering.decontamination.settings import DecontaminationConfig
from hanhua.filtering.shingles import SHINGLE, hash_ngrams, widen
from hanhua.zh_text.folding import folded_codes

ALGORITHM = "held-questions-1"
"""Raised when the same limits find other questions; part of the key of every evaluation."""


class HeldQuestions:
    """Finds questions in documents as decontamination does: a share of their 13-character shingles is there."""

    def __init__(self, limits: DecontaminationConfig | None = None) -> None:
        self._limits = limits or DecontaminationConfig()
        self.fingerprint = fingerprint([ALGORITHM, self._limits.model_dump()])

    def held(self, questions: Sequence[str], documents: Iterable[str]) -> list[bool]:
        """Return, of each question, whether a document holds it. Questions under 13 characters never are."""
        index = BenchmarkIndex(
            (Question(str(number), text) for number, text in enumerate(questions)),
            min_characters=self._limits.min_characters,
        )
        found = [False] * len(questions)
        for text in documents:
            grams = hash_ngrams(folded_codes(text), SHINGLE)
            for one in index.find(np.unique(widen(grams)), min_overlap=self._limits.min_overlap):
                found[int(one.place)] = True
        return found


def build_held_questions() -> HeldQuestions:
    """Return the test with the filter's default limits."""
    return HeldQuestions()
