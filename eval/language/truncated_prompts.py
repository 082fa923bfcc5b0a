"""What a prompt cut in mid-token costs: the likelihood lost by encoding both sides of a cut apart.

A text cut at a place inside a token is encoded by other tokens than the whole text. What the model then gives the rest
is less by the difference measured here. Cuts lie between two Han characters, drawn by hash, where people's prompts end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hanhua.bits import bits_of_nats
from hanhua.documents import Document
from hanhua.eval.comparison.intervals import bootstrap_ratio, wilson
from hanhua.eval.engine.requests import OnDone, ScoredInput
from hanhua.zh_text.scripts import is_han

if TYPE_CHECKING:
    from hanhua.eval.engine.runner import Runner

BEFORE_CHARACTERS, BEHIND_CHARACTERS = 64, 16
_CUTS_PER_DOCUMENT = 4


@dataclass(frozen=True)
class Cut:
    """One cut: where, whether a token lies across it, and the nats the text costs whole and cut there."""

    id: str
    place: int
    inside: bool
    nats_whole: float
    nats_cut: float


def score_cuts(
    runner: Runner,
    documents: Sequence[Document],
    *,
    max_prompts: int,
    seed: int,
    on_done: OnDone | None = None,
) -> list[Cut]:
    """Return up to `max_prompts` truncated prompts; those not cut inside a token are not scored and cost nothing."""
    places = _draw_places(documents, max_prompts=max_prompts, seed=seed)
    items: list[ScoredInput] = []
    inside: list[bool] = []
    sides = [(d.text[max(p - BEFORE_CHARACTERS, 0) : p], d.text[p : p + BEHIND_CHARACTERS]) for d, p in places]
    whole = runner.reader.encode([left + right for left, right in sides])
    lefts, rights = (runner.reader.encode(list(texts)) for texts in zip(*sides, strict=True)) if sides else ([], [])
    for ids, left, right in zip(whole, lefts, rights, strict=True):
        cut = left + right
        inside.append(cut != ids)
        if cut != ids:
            # Up to the first token that differs both ways are the same, and cost the same.
            same = next((n for n, (a, b) in enumerate(zip(ids, cut, strict=False)) if a != b), min(len(ids), len(cut)))
            for tokens in (ids, cut):
                items.append(ScoredInput((runner.reader.bos_id, *tokens[:-1]), (tuple(tokens[same:]),)))
    nats = iter([-found[0].total for found in runner.score(items, greedy=False, on_done=on_done)])
    return [
        Cut(d.id, p, across, next(nats) if across else 0.0, next(nats) if across else 0.0)
        for (d, p), across in zip(places, inside, strict=True)
    ]


def summarise_cuts(cuts: Sequence[Cut], *, seed: int) -> dict[str, Any]:
    """Return the share of cuts inside tokens, and the bits lost a cut, over all and over those inside."""
    lost = [bits_of_nats(cut.nats_cut - cut.nats_whole) for cut in cuts]
    inside = [bits for bits, cut in zip(lost, cuts, strict=True) if cut.inside]
    interval = bootstrap_ratio(lost, [1.0] * len(lost), seed=seed)
    return {
        "cuts": len(cuts),
        "inside": len(inside),
        "share_inside": len(inside) / max(len(cuts), 1),
        "share_interval": list(wilson(len(inside), len(cuts))),
        "bits_lost": sum(lost) / max(len(lost), 1),
        "bits_lost_inside": sum(inside) / len(inside) if inside else None,
        "interval": None if interval is None else list(interval),
    }


def cuts_as_rows(cuts: Sequence[Cut]) -> list[dict[str, Any]]:
    """Return cuts as JSON data."""
    return [asdict(cut) for cut in cuts]


def _draw_places(documents: Sequence[Document], *, max_prompts: int, seed: int) -> list[tuple[Document, int]]:
    drawn = []
    for document in documents:
        places = [p for p in range(8, len(document.text) - 4) if is_han(document.text[p - 1 : p + 1])]
        ranked = sorted(places, key=lambda p: hashlib.sha256(f"{seed}:{document.id}:{p}".encode()).digest())
        drawn += [(document, place) for place in sorted(ranked[:_CUTS_PER_DOCUMENT])]
        if len(drawn) >= max_prompts:
            break
    return drawn[:max_prompts]
