"""Bits per byte and per character of held-out text, exact, so that different vocabularies compare.

    bits per byte = Σ -ln p(token) ÷ (ln 2 · Σ UTF-8 bytes)      sums over the corpus, never means of documents

Every window begins with BOS, whose own probability is never counted; windows overlap by half; each token
is scored once, with at least half a window before it unless the document begins; documents never mix.
Documents are cut by text, not by tokens, so that every tokenizer reads the same characters. A window of a number of
*tokens* shows a better tokenizer's model more text; windows of a number of *characters* show all models the same. Both
are measured. Perplexity by token is in neither: it compares nothing across vocabularies. No torch here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hanhua.bits import bits_of_nats
from hanhua.eval.comparison.intervals import bootstrap_ratio


@dataclass(frozen=True)
class Window:
    """Tokens [start, end) of a document are read after BOS; those from `scored_from` on are scored."""

    start: int
    end: int
    scored_from: int


@dataclass(frozen=True)
class DocumentLikelihood:
    """One document: its size, and -ln p of its text in nats."""

    id: str
    source: str
    characters: int
    bytes: int
    tokens: int
    nats: float


def plan_windows(tokens: int, *, context_tokens: int) -> list[Window]:
    """Return windows of at most `context_tokens` that overlap by half and score each token once.

    >>> [(w.start, w.end, w.scored_from) for w in plan_windows(7, context_tokens=4)]
    [(0, 4, 0), (2, 6, 4), (4, 7, 6)]
    """
    if tokens == 0:
        return []
    stride = max(context_tokens // 2, 1)
    windows = [Window(0, min(context_tokens, tokens), 0)]
    while (done := windows[-1].end) < tokens:
        start = windows[-1].start + stride
        windows.append(Window(start, min(start + context_tokens, tokens), done))
    return windows


def plan_character_windows(starts: Sequence[int], *, context_characters: int, max_tokens: int) -> list[Window]:
    """Return windows that hold at most `context_characters` before the last scored token, and score each token once.

    starts: the character each token begins in, non-decreasing (the pieces of one character begin alike). A step scores
    the tokens that begin in the next half context of text, after those of the half context before it; so every
    tokenizer's model sees the same characters. A window that would not fit the model is cut on the left.

    >>> windows = plan_character_windows([0, 1, 3, 4, 6], context_characters=4, max_tokens=100)
    >>> [(w.start, w.end, w.scored_from) for w in windows]
    [(0, 3, 0), (2, 4, 3), (3, 5, 4)]
    """
    step = max(context_characters // 2, 1)
    # The first window has nothing before it, so it scores a whole context.
    edge, first, windows = 2 * step, 0, []
    while first < len(starts):
        end = bisect_left(starts, edge, lo=first)
        if end > first:
            start = bisect_left(starts, edge - 2 * step)
            windows += [
                Window(max(min(start, begin), until - max_tokens), until, begin)
                for begin, until in _steps(first, end, max_tokens)
            ]
            first = end
        edge += step
    return windows


def _steps(first: int, end: int, max_tokens: int) -> list[tuple[int, int]]:
    """Split a span of tokens that alone is longer than the model reads."""
    return [(begin, min(begin + max_tokens, end)) for begin in range(first, end, max_tokens)]


def summarise_documents(documents: Sequence[DocumentLikelihood], *, seed: int) -> dict[str, Any]:
    """Return a corpus's sums, bits per byte and per character with their intervals, and bits by source.

    `interval` is that of bits per character.
    """
    totals = {name: sum(getattr(d, name) for d in documents) for name in ("characters", "bytes", "tokens", "nats")}
    bits = bits_of_nats(totals["nats"])
    own = [bits_of_nats(d.nats) for d in documents]
    interval = bootstrap_ratio(own, [d.characters for d in documents], seed=seed)
    by_byte = bootstrap_ratio(own, [d.bytes for d in documents], seed=seed)
    return {
        "documents": len(documents),
        **totals,
        "bits_per_byte": bits / totals["bytes"],
        "bits_per_byte_interval": None if by_byte is None else list(by_byte),
        "bits_per_character": bits / totals["characters"],
        "interval": None if interval is None else list(interval),
        "by_source": _bits_by_source(documents),
        "domains": _domains(documents, seed=seed),
    }


def rows_of(documents: Sequence[DocumentLikelihood]) -> list[dict[str, Any]]:
    """Return documents as JSON data."""
    return [asdict(document) for document in documents]


def documents_of(rows: Sequence[dict[str, Any]]) -> list[DocumentLikelihood]:
    """Return documents from JSON data; the inverse of `rows_of`."""
    return [DocumentLikelihood(**row) for row in rows]


def _domains(documents: Sequence[DocumentLikelihood], *, seed: int) -> dict[str, Any]:
    """Return bits per byte and character of each source, with an interval over its documents."""
    found = {}
    for source in sorted({document.source for document in documents if document.source}):
        own = [document for document in documents if document.source == source]
        bits, characters = [bits_of_nats(d.nats) for d in own], [d.characters for d in own]
        interval = bootstrap_ratio(bits, characters, seed=seed)
        found[source] = {
            "documents": len(own),
            "bits_per_byte": sum(bits) / sum(d.bytes for d in own),
            "bits_per_character": sum(bits) / sum(characters),
            "interval": None if interval is None else list(interval),
        }
    return found


def _bits_by_source(documents: Sequence[DocumentLikelihood]) -> dict[str, float]:
    sums: dict[str, tuple[float, int]] = {}
    for document in documents:
        nats, characters = sums.get(document.source, (0.0, 0))
        sums[document.source] = (nats + document.nats, characters + document.characters)
    return {source: bits_of_nats(nats) / characters for source, (nats, characters) in sorted(sums.items()) if source}
