"""Documents on their way through the rules, and what a rule says about one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from hanhua.filtering.joined import Joined, JoinedFolds, fold_all, join
from hanhua.filtering.profile import Profile, profiles
from hanhua.filtering.shingles import SHINGLE, Hashes, hash_ngrams_of_each
from hanhua.filtering.text_lines import Lines, find_lines
from hanhua.zh_text.folding import Codes, Folded, Offsets
from hanhua.zh_text.segmentation import segment

T = TypeVar("T")


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


class Drafts:
    """Texts that are judged together, so that what a rule asks about one of them is computed for all in one go.

    A *view* is a function of all drafts that returns one value for each; it is called once, when the first draft asks.
    No value depends on the texts around it, so a verdict does not depend on which texts are judged together, and a
    draft alone is a group of one.
    """

    def __init__(self, texts: Sequence[str], languages: Sequence[str]) -> None:
        self.texts, self.languages = texts, languages
        self._made: dict[Callable[[Drafts], Any], Any] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Draft]:
        pairs = zip(self.texts, self.languages, strict=True)
        return (Draft(text, language=language, among=(self, i)) for i, (text, language) in enumerate(pairs))

    def view(self, make: Callable[[Drafts], T]) -> T:
        """Return what `make` makes of these drafts, made when first asked for."""
        made: T | None = self._made.get(make)
        if made is None:
            made = self._made[make] = make(self)
        return made

    @cached_property
    def joined(self) -> Joined:
        """The code points of the texts."""
        return join(self.texts)

    @cached_property
    def lines(self) -> Lines:
        """Where the lines of the texts are."""
        return find_lines(self.joined)

    @cached_property
    def folds(self) -> JoinedFolds:
        """The code points of the folded texts."""
        return fold_all(self.joined)

    @cached_property
    def shingles(self) -> list[Hashes]:
        """Hashes of the 5-grams of each folded text."""
        return hash_ngrams_of_each(self.folds.codes, self.folds.bounds, SHINGLE)


class Draft:
    """A text with the views of it that rules share; each is made once, when first asked for.

    language: what the corpus is meant to be, `zh`, `en` or `other`; rules for Chinese skip the others. among: the
    drafts it is judged with, and its number there; alone without.
    """

    def __init__(self, text: str, *, language: str = "zh", among: tuple[Drafts, int] | None = None) -> None:
        self.text, self.language = text, language
        self._drafts, self.number = among or (Drafts([text], [language]), 0)
        self.measured: dict[str, float] = {}
        """What the rules have measured so far, by the name of the reason they would give."""
        self.questions: list[tuple[str, float]] = []
        """The benchmark questions the text holds, each with the share of it."""

    def measure(self, name: str, value: float) -> float:
        """Note a measured value for the report, and return it."""
        self.measured[name] = float(value)
        return value

    def view(self, make: Callable[[Drafts], Sequence[T]]) -> T:
        """Return this draft's value of a view."""
        # Asked twenty times of every text.
        made: Sequence[T] = self._drafts._made.get(make) or self._drafts.view(make)
        return made[self.number]

    @property
    def chinese(self) -> bool:
        """Whether the rules for Chinese apply."""
        return self.language == "zh"

    @cached_property
    def profile(self) -> Profile:
        """Counts of characters by kind."""
        return self.view(_profiles)

    @cached_property
    def folded_codes(self) -> Codes:
        """The code points of the folded text."""
        return self._drafts.folds.of(self.number)

    @cached_property
    def folded_offsets(self) -> Offsets:
        """Where in the text each character of the folded text is from."""
        return self._drafts.folds.offsets_of(self.number)

    @cached_property
    def shingles(self) -> Hashes:
        """Hashes of the 5-grams of the folded text."""
        return self._drafts.shingles[self.number]

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
        return self._drafts.folds.folded(self.number)


def _profiles(drafts: Drafts) -> list[Profile]:
    return profiles(drafts.joined)
