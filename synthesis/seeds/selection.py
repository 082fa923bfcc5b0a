"""Which documents become seeds: of the train split alone, by license and score, in an order no run can change."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import xxhash

from hanhua.documents import Document, read_corpus
from hanhua.errors import InputError
from hanhua.synthesis.seed import Seed
from hanhua.synthesis.seeds.sections import cut_sections
from hanhua.synthesis.settings import SeedSettings

Score = Callable[[str], float]


@dataclass(frozen=True)
class Seeds:
    """The chosen seeds of a Corpus, read anew whenever they are asked for.

    chosen: ids of the documents, None for every one that may serve. only: of these, some sections; None for all.
    """

    corpus: Path
    settings: SeedSettings
    languages: frozenset[str]
    chosen: frozenset[str] | None
    score: Score | None = None
    only: frozenset[tuple[str, int]] | None = None

    def __iter__(self) -> Iterator[Seed]:
        for document in self._documents():
            for seed in sections_of(document, self.settings):
                if self.only is None or (seed.id, seed.section) in self.only:
                    yield seed

    def _documents(self) -> Iterator[Document]:
        if self.chosen is None:
            yield from (one for _, one in _candidates(self.corpus, self.settings, self.languages, self.score))
            return
        for document in read_corpus(self.corpus, split="train", corpora=self.settings.corpora):
            if document.id in self.chosen:  # scored when it was chosen
                yield document

    def few(self, count: int, *, seed: int = 0) -> Seeds:
        """Return an unbiased sample: those sections whose hashes are the smallest."""
        hashed = ((_hash(f"{one.id}#{one.section}", seed), one.id, one.section) for one in self)
        least = heapq.nsmallest(count, hashed)
        return replace(self, only=frozenset((name, section) for _, name, section in least))


def choose_seeds(corpus: Path, settings: SeedSettings, *, languages: frozenset[str], score: Score | None) -> Seeds:
    """Choose documents of the train split: the best by score, or by the hash of their ids where there is none.

    languages: those that some form takes. Raises InputError when no document may serve.
    """
    if settings.min_quality is not None and score is None:
        raise InputError("synthesis.seeds.min_quality needs quality_model: without one no document has a score")
    if settings.max_documents is None:
        seeds = Seeds(corpus, settings, languages, None, score)
        if next(iter(seeds), None) is None:
            raise _none_found(settings, languages)
        return seeds
    ranked = (
        (value, -_hash(document.id, 0), document.id)
        for value, document in _candidates(corpus, settings, languages, score)
    )
    best = heapq.nlargest(settings.max_documents, ranked)
    if not best:
        raise _none_found(settings, languages)
    return Seeds(corpus, settings, languages, frozenset(one for _, _, one in best))


def sections_of(document: Document, settings: SeedSettings) -> Iterator[Seed]:
    """Yield the sections of one document as seeds."""
    found = cut_sections(
        document.text,
        max_characters=settings.max_characters,
        context_characters=settings.context_characters,
        max_sections=settings.max_per_document,
    )
    for number, section in enumerate(found):
        yield Seed(
            id=document.id,
            section=number,
            text=section.text,
            context=section.context,
            corpus=document.corpus,
            license=document.license,
            language=document.language,
        )


def _candidates(
    corpus: Path, settings: SeedSettings, languages: frozenset[str], score: Score | None
) -> Iterator[tuple[float, Document]]:
    """Yield the documents that may serve with their scores, 0 without a model. A held-out one is never read on."""
    licenses = None if settings.licenses is None else set(settings.licenses)
    for document in read_corpus(corpus, split="train", corpora=settings.corpora):
        if document.language not in languages or len(document.text.strip()) < settings.min_characters:
            continue
        if licenses is not None and document.license not in licenses:
            continue
        value = 0.0 if score is None else score(document.text)
        if settings.min_quality is None or value >= settings.min_quality:
            yield value, document


def _none_found(settings: SeedSettings, languages: frozenset[str]) -> InputError:
    asked = settings.model_dump(exclude_none=True, include={"corpora", "licenses", "min_quality", "min_characters"})
    limits = ", ".join(f"{name}: {value}" for name, value in asked.items())
    return InputError(
        f"synthesis: no document of the train split can be a seed under {limits}, and of language "
        f"{' or '.join(sorted(languages))}, which the forms take; loosen synthesis.seeds, or add texts"
    )


def _hash(name: str, seed: int) -> int:
    return xxhash.xxh3_64_intdigest(name.encode(), seed=seed)
