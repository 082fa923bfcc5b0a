"""What one stage needs of another, as types: passed in by `hanhua.recipes.wiring`, never imported.

A skill's `fingerprint` is part of the key of every stage it is passed to, so that a changed lexicon
redoes what it judged and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class HarmScore:
    """How harmful a text is.

    category: one of the filter's categories (`gambling`, …), `None` when nothing was found.
    score: 0 (clean) to 1; 0.5 and above is what the filter rejects.
    spans: (start, end) character offsets of the evidence in the text as given.
    """

    category: str | None
    score: float
    spans: list[tuple[int, int]] = field(default_factory=list)


class HarmScorer(Protocol):
    """Scores any text for harmful content."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides a score."""

    def score(self, text: str) -> HarmScore:
        """Return category, score and evidence."""


class JunkTest(Protocol):
    """Tells strings that no vocabulary should hold: spam, pornography, boilerplate."""

    fingerprint: str

    def is_junk(self, string: str) -> bool:
        """Return whether the string is junk."""


class Masker(Protocol):
    """Replaces personal data with typed tags such as `[MOBILE]`."""

    fingerprint: str

    def mask(self, text: str) -> str:
        """Return the text with personal data replaced."""


class ContaminationTest(Protocol):
    """Finds a benchmark's questions in training texts."""

    fingerprint: str

    def held(self, questions: Sequence[str], documents: Iterable[str]) -> list[bool]:
        """Return, of each question, whether a document holds it."""


@dataclass(frozen=True)
class Skills:
    """The skills a stage is given; each may be absent."""

    harm: HarmScorer | None = None
    junk: JunkTest | None = None
    masker: Masker | None = None
    contamination: ContaminationTest | None = None
