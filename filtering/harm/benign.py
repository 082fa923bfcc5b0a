"""Benign text in the training of a classifier: what is learned from it, and the threshold it asks for.

A classifier that knows only short posts takes the style of a statute, or twenty characters of anything, for evidence.
So snippets of benign files are learned from, and others, never seen, cap the share that is rejected: of documents,
and of snippets, file by file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xxhash

from hanhua.filtering.harm.classifier import MIN_CHARACTERS, HarmClassifier
from hanhua.zh_text.folding import Codes, code_points, fold

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
        codes = code_points(fold(text).text)
        if len(codes) < MIN_CHARACTERS:
            continue
        chance = np.random.default_rng(xxhash.xxh3_64_intdigest(codes.tobytes()))
        for length in LEARNED_LENGTHS:
            start = int(chance.integers(max(len(codes) - length, 0) + 1))
            snippets.append(codes[start : start + length])
    return snippets


def asked_for(model: HarmClassifier, texts: Sequence[str]) -> float:
    """Return the margin above which at most the allowed shares of these texts and snippets lie."""
    documents, snippets = _margins(model, texts)
    asked = [-np.inf]
    for margins, share in ((documents, MAX_DOCUMENTS_REJECTED), (snippets, MAX_SNIPPETS_REJECTED)):
        if len(margins):
            allowed = int(share * len(margins))
            asked.append(np.nextafter(np.sort(margins)[len(margins) - 1 - allowed], np.inf))
    return float(max(asked))


def benign_rates(model: HarmClassifier, texts: Sequence[str]) -> dict[str, float]:
    """Return the shares of harmless documents, and of their 20-character snippets, that are rejected."""
    documents, snippets = _margins(model, texts)
    threshold = model.calibration.threshold
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


def _margins(model: HarmClassifier, texts: Sequence[str]) -> tuple[Margins, Margins]:
    documents: list[float] = []
    snippets: list[float] = []
    for text in texts:
        documents.append(model.margin(code_points(fold(text).text)))
        snippets += [model.margin(code_points(fold(snippet).text)) for snippet in cut_snippets(text)]
    return np.array(documents), np.array(snippets)
