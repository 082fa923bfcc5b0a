"""What one stage needs of another, as types: passed in by `hanhua.pipeline.service_builders`, never imported.

A service's `fingerprint` is part of the key of every stage it is passed to, so that a changed lexicon redoes what it
judged and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hanhua.artifacts.manifest import Artifact
from hanhua.hub_questions import HubQuestions
from hanhua.toy_settings import ToySettings


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


class QuestionFinder(Protocol):
    """Finds questions of benchmarks in one text after another."""

    def question_in(self, text: str) -> str | None:
        """Return the place of a question that the text holds (`ceval/val.csv#3`), None for none."""


class QuestionFinders(Protocol):
    """Makes finders of the questions of benchmarks."""

    fingerprint: str

    def of(self, files: Sequence[str], hub_sets: Sequence[HubQuestions] = ()) -> QuestionFinder:
        """Return a finder of the questions in files and folders, in any layout that filtering reads, and on the Hub."""


class CopyFinder(Protocol):
    """Tells which document of a corpus a text is a near copy of."""

    def copy_of(self, text: str) -> str | None:
        """Return the id of a document that is almost the text, None for none."""


class CopyFinders(Protocol):
    """Makes finders of near copies of a corpus."""

    fingerprint: str

    def of(self, documents: Iterable[tuple[str, str]]) -> CopyFinder:
        """Return a finder of near copies of these documents, each of (id, text); half a kilobyte of memory each."""


@dataclass(frozen=True)
class TeacherVerdict:
    """What a teacher's license allows for a student.

    allowed: None where the license is not known. reason: in a sentence. name_start: what the student's name must
    begin with; built_with: what its card must say; "" for no such duty. source: the text that says so.
    """

    allowed: bool | None
    license: str
    reason: str
    name_start: str = ""
    built_with: str = ""
    source: str = ""


class TeacherLicenses(Protocol):
    """Knows what the licenses of teachers allow."""

    fingerprint: str

    def verdict(self, teacher: str, *, student: str, license_name: str | None = None) -> TeacherVerdict:
        """Judge a teacher by its model's name, or by the license it is said to have, for a student by its base's."""


class QualityScorers(Protocol):
    """Makes functions that score how good a text is, by a quality model of filtering's."""

    fingerprint: str

    def scorer(self, folder: Path) -> Callable[[str], float]:
        """Return the score of the model in a folder: 0 to 1."""


class ToyMaker(Protocol):
    """Makes a tiny model to try things out on."""

    fingerprint: str

    def make(self, settings: ToySettings, tokenizer: str, corpus: Artifact | None, out: Path) -> Mapping[str, Any]:
        """Make one in `out/model` and return its facts. corpus: whose English it learns, if there is one."""


@dataclass(frozen=True)
class Services:
    """The services a stage is given; each may be absent."""

    harm: HarmScorer | None = None
    junk: JunkTest | None = None
    masker: Masker | None = None
    contamination: ContaminationTest | None = None
    toy: ToyMaker | None = None
    quality: QualityScorers | None = None
    benchmarks: QuestionFinders | None = None
    copies: CopyFinders | None = None
    teachers: TeacherLicenses | None = None
