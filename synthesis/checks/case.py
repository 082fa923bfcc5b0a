"""An answer as the checks see it: cleaned, and with what several of them ask of it worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.cleaning import cleaned
from hanhua.synthesis.checks.parts import Parts, read_parts
from hanhua.synthesis.checks.plain import plain
from hanhua.synthesis.forms.form import Form
from hanhua.synthesis.seed import Seed


@dataclass(frozen=True)
class Case:
    """One answer of a teacher to one seed in one form."""

    form: Form
    seed: Seed
    answer: Answer

    @cached_property
    def text(self) -> str:
        """The answer without what is no part of it: a greeting, a fence around the whole, thoughts."""
        return cleaned(self.answer.text)

    @cached_property
    def plain(self) -> str:
        """The cleaned answer in its comparable view."""
        return plain(self.text)

    @cached_property
    def source(self) -> str:
        """The seed with its context in the comparable view: what an answer may take facts from."""
        return plain(f"{self.seed.context}\n{self.seed.text}")

    @cached_property
    def parts(self) -> Parts:
        """The parts of the answer: questions and answers, table, steps, options."""
        return read_parts(self.plain)
