"""Finds questions of benchmarks in one text after another: what made text is asked before it is trained on."""

from __future__ import annotations

from collections.abc import Sequence

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.filtering.decontamination.index import BenchmarkIndex
from hanhua.filtering.decontamination.kept_index import build_index
from hanhua.filtering.decontamination.settings import DecontaminationConfig
from hanhua.filtering.shingles import SHINGLE, hash_ngrams, widen
from hanhua.hub_questions import HubQuestions
from hanhua.zh_text.folding import folded_codes

ALGORITHM = "questions-in-text-1"
"""Raised when the same limits find other questions; part of the key of every synthesis."""


class QuestionsInText:
    """Finds a question as decontamination does: a share of its 13-character shingles is in the text."""

    def __init__(self, index: BenchmarkIndex | None, limits: DecontaminationConfig) -> None:
        self._index, self._limits = index, limits

    def question_in(self, text: str) -> str | None:
        """Return the place of the question that the text holds most of, None for none."""
        if self._index is None:
            return None
        grams = widen(hash_ngrams(folded_codes(text), SHINGLE))
        found = self._index.find(grams, min_overlap=self._limits.min_overlap)
        return f"{found[0].place} ({found[0].overlap:.0%} of it)" if found else None


class BenchmarkQuestions:
    """Makes finders of questions with the filter's default limits."""

    fingerprint = fingerprint([ALGORITHM, DecontaminationConfig().model_dump()])

    def of(self, files: Sequence[str], hub_sets: Sequence[HubQuestions] = ()) -> QuestionsInText:
        """Return a finder of the questions of files, folders and the Hub. Raises InputError for one without any."""
        limits = DecontaminationConfig(benchmarks=tuple(files), hub_benchmarks=tuple(hub_sets))
        return QuestionsInText(build_index(limits), limits)
