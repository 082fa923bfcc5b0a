"""A document on its way through the rules, and what a rule says about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hanhua.filtering.profile import Profile, profile_codes
from hanhua.filtering.shingles import SHINGLE, Hashes, hash_ngrams
from hanhua.zh_text.folding import Codes, Folded, code_points, fold
from hanhua.zh_text.segmentation import segment


@dataclass(frozen=True)
class Verdict:
    """What a rule decided.

    reason: `family` or `family.detail` (`harm.gambling`), empty for a document that is kept.
    value: what was compared with the limit, or what explains the reason.
    """

    keep: bool
    reason: str = ""
    value: float | str | None = None


KEEP = Verdict(True)


def reject(reason: str, value: float | str | None = None) -> Verdict:
    """Return a verdict against the document; a ratio is rounded to what a person reads."""
    return Verdict(False, reason, round(value, 4) if isinstance(value, float) else value)


class Draft:
    """A text with the views of it that rules share; each is made once, when first asked for.

    language: what the corpus is meant to be, `zh`, `en` or `other`; rules for Chinese skip the others.
    """

    def __init__(self, text: str, *, language: str = "zh") -> None:
        self.text, self.language = text, language
        self.measured: dict[str, float] = {}
        """What the rules have measured so far, by the name of the reason they would give."""
        self.questions: list[tuple[str, float]] = []
        """The benchmark questions the text holds, each with the share of it."""

    def measure(self, name: str, value: float) -> float:
        """Note a measured value for the report, and return it."""
        self.measured[name] = float(value)
        return value

    @property
    def chinese(self) -> bool:
        """Whether the rules for Chinese apply."""
        return self.language == "zh"

    @cached_property
    def codes(self) -> Codes:
        """The code points of the text."""
        return code_points(self.text)

    @cached_property
    def profile(self) -> Profile:
        """Counts of characters by kind."""
        return profile_codes(self.codes)

    @cached_property
    def folded_codes(self) -> Codes:
        """The code points of the folded text."""
        return code_points(self.folded.text)

    @cached_property
    def shingles(self) -> Hashes:
        """Hashes of the 5-grams of the folded text."""
        return hash_ngrams(self.folded_codes, SHINGLE)

    @cached_property
    def lines(self) -> list[str]:
        """The lines that hold something, without the space around them."""
        return [line for line in map(str.strip, self.text.split("\n")) if line]

    @cached_property
    def words(self) -> list[str]:
        """The words of the text by rjieba, marks among them, spaces not."""
        return [word for word in segment(self.text, engine="rjieba") if not word.isspace()]

    @cached_property
    def folded(self) -> Folded:
        """The view on which lexicons and near copies are matched."""
        return fold(self.text)
