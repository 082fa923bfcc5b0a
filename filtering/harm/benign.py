"""Benign text in the training of a classifier: what is learned from it, and the threshold it asks for.

A classifier that knows only short posts takes the style of a statute, or twenty characters of anything, for evidence.
So snippets of benign files are learned from, and others, never seen, cap the share that is rejected: of documents,
and of snippets, file by file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

from hanhua.filtering.harm.classifier import MIN_CHARACTERS, HarmClassifier
from hanhua.zh_text.folding import Codes, folded_codes

SNIPPET_CHARACTERS = 20
SNIPPETS_PER_DOCUMENT = 8
LEARNED_LENGTHS = (20, 20, 40, 80)
# Snippets: half of what is promised, since the next corpus is another one; documents are too few for less.
MAX_DOCUMENTS_REJECTED = 0.005
MAX_SNIPPETS_REJECTED = 0.01
Margins = npt.NDArray[np.float64]


def halves(benign: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the documents to learn from and those to measure on, by file; which is which is told by their hash."""
    parts: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    for name, texts in benign.items():
        for parity, part in enumerate(parts):
            part[name] = [text for text in texts if half_of(text) == parity]
    return parts


def half_of(text: str) -> int:
    """Return 0 for a text to learn from, 1 for one to measure on."""
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace")) % 2


def learned_snippets(texts: Sequence[str]) -> list[Codes]:
    """Return pieces of several lengths of each text, folded, from places told by its hash."""
    snippets: list[Codes] = []
    for text in texts:
        codes = folded_codes(text)
        if len(codes) < MIN_CHARACTERS:
            continue
        chance = np.random.default_rng(xxhash.xxh3_64_intdigest(codes.tobytes()))
        for length in LEARNED_LENGTHS:
            start = int(chance.integers(max(len(codes) - length, 0) + 1))
            snippets.append(codes[start : start + length])
    return snippets


@dataclass(frozen=True)
class Measured:
    """The margins of harmless documents and of their snippets."""

    documents: Margins
    snippets: Margins


def measure(model: HarmClassifier, texts: Sequence[str], added: Callable[[str], float]) -> Measured:
    """Return the margins of texts and of their snippets; added: what another layer adds to a text's."""

    def margin(text: str) -> float:
        return model.margin(folded_codes(text)) + added(text)

    snippets = [snippet for text in texts for snippet in cut_snippets(text)]
    return Measured(np.array([margin(text) for text in texts]), np.array([margin(text) for text in snippets]))


def pooled(files: Sequence[Measured]) -> list[Measured]:
    """Return the margins of each file, and of the small ones together.

    Of fewer than 200 documents a share of 0.5% is none, and a single odd one would set the threshold.
    """
    least = round(1 / MAX_DOCUMENTS_REJECTED)
    large = [one for one in files if len(one.documents) >= least]
    small = [one for one in files if len(one.documents) < least]
    joined = [np.concatenate([getattr(one, kind) for one in small]) for kind in ("documents", "snippets") if small]
    return [*large, Measured(*joined)] if small else large


def asked_for(measured: Measured) -> float:
    """Return the margin above which at most the allowed shares of documents and snippets lie."""
    asked = [-np.inf]
    for margins, share in ((measured.documents, MAX_DOCUMENTS_REJECTED), (measured.snippets, MAX_SNIPPETS_REJECTED)):
        if len(margins):
            allowed = int(share * len(margins))
            asked.append(np.nextafter(np.sort(margins)[len(margins) - 1 - allowed], np.inf))
    return float(max(asked))


def benign_rates(measured: Measured, threshold: float) -> dict[str, float]:
    """Return the shares of harmless documents, and of their 20-character snippets, that are rejected."""
    documents, snippets = measured.documents, measured.snippets
    return {
        "documents": len(documents),
        "documents_rejected": round(float((documents >= threshold).mean()), 5) if len(documents) else 0.0,
        "snippets": len(snippets),
        "snippets_rejected": round(float((snippets >= threshold).mean()), 5) if len(snippets) else 0.0,
    }


def cut_snippets(text: str) -> list[str]:
    """Return up to eight 20-character snippets of a text, spread evenly; none of one that is shorter.

    >>> cut_snippets("一二三四五六七八九十" * 2)
    ['一二三四五六七八九十一二三四五六七八九十']
    """
    last = len(text) - SNIPPET_CHARACTERS
    if last < 0:
        return []
    count = min(SNIPPETS_PER_DOCUMENT, 1 + last // SNIPPET_CHARACTERS)
    starts = np.linspace(0, last, count).astype(int).tolist()
    return [text[start : start + SNIPPET_CHARACTERS] for start in starts]
