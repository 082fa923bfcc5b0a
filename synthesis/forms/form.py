"""A form: how a section of a document becomes a request to a teacher."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.config_fields import Section
from hanhua.synthesis.forms.wording import Audience, FormScript
from hanhua.synthesis.seed import Seed

Shape = Literal["faq", "table", "word_problem", "tutorial", "prose", "translation", "relations", "exam"]
SeedLanguage = Literal["zh", "en"]

_PLACE = re.compile(r"\{(passage|context)\}")
_NO_CONTEXT = {"hans": "（无）", "hant-tw": "（無）", "hant-hk": "（無）"}


class Limits(Section):
    """Where an answer of a form is no longer one; `None` is off.

    characters: of the answer, without white space. max_copied_ratio: of the answer's runs of 8 letters, those that the
    source holds. min_shared_ratio: of the answer's pairs of Han characters, those that the source holds.
    min_length_ratio, max_length_ratio: the answer's characters per character of the source, per word of an English one.
    """

    min_characters: int = 40
    max_characters: int = 3000
    max_copied_ratio: float | None = None
    min_shared_ratio: float | None = None
    min_length_ratio: float | None = None
    max_length_ratio: float | None = None


@dataclass(frozen=True)
class Form:
    """One form for one audience in one script.

    kind: the name of its file, by which shares are counted (`faq`). name: all of it (`faq@professional:hant-tw`).
    faithful: whether every number, date and Latin name must stand in the source. system, user: the prompt, with
    `{passage}` and `{context}` for the seed's. shape: what an answer must look like.
    """

    kind: str
    audience: Audience | None
    script: FormScript
    title: str
    faithful: bool
    language: SeedLanguage
    shape: Shape
    max_output_tokens: int
    system: str
    user: str
    limits: Limits

    @property
    def name(self) -> str:
        """The form's whole name; what is usual (no audience, Simplified) is left out."""
        audience = f"@{self.audience}" if self.audience is not None else ""
        return self.kind + audience + ("" if self.script == "hans" else f":{self.script}")

    @property
    def version(self) -> str:
        """Hash of all that decides the prompt: the words, the audience, the script and the length."""
        return fingerprint([self.name, self.language, self.max_output_tokens, self.system, self.user])

    def messages(self, seed: Seed) -> list[dict[str, str]]:
        """Return the chat of a request, as OpenAI's API takes it. What a seed says in braces stays as it is."""
        given = {"passage": seed.text.strip(), "context": seed.context.strip() or _NO_CONTEXT[self.script]}
        user = _PLACE.sub(lambda match: given[match[1]], self.user)
        return [{"role": "system", "content": self.system}, {"role": "user", "content": user}]
