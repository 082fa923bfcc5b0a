"""What a teacher is given: a section of a document of the train split."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seed:
    """A section of a document, and where it comes from.

    id: the document's, unique in the Corpus. section: which of its sections, from 0. context: what a reader must know
    of the sections before (a title, the end of the last section), empty for a short document. language: `zh` or `en`.
    """

    id: str
    section: int
    text: str
    context: str
    corpus: str
    license: str
    language: str
