"""A sample of a corpus from which the texts to be judged are drawn, each with what the filter says of it."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import xxhash

from hanhua.documents.compression import open_decompressed
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.engine.intake import Batch, Intake
from hanhua.filtering.engine.pool import judge_batches
from hanhua.filtering.harm import build_harm_scorer
from hanhua.processes import choose_workers
from hanhua.progress import Progress

MAX_CHARACTERS = 20_000
"""Of a longer text only the beginning is kept: nobody reads on, and windows are sampled anyway."""
SCORE_BANDS = (0.05, 0.15, 0.3, 0.5)
"""Bounds of the harmful-content scores that are told apart; the filter rejects from the last."""


@dataclass(frozen=True)
class Candidate:
    """A text that may be judged.

    key: a hash of the text. source: the corpus, and the record's own source where it has one. reason: why the filter
    rejects it, empty for a text it keeps. score: of the harmful-content filter.
    """

    key: str
    id: str
    source: str
    text: str
    reason: str
    score: float

    @property
    def band(self) -> str:
        """What the filter says of it, coarsely: the family of the reason, or the band of its score."""
        if self.reason:
            return self.reason.partition(".")[0]
        return f"score{sum(self.score >= bound for bound in SCORE_BANDS)}"


def sample_candidates(
    inputs: Mapping[str, CorpusConfig], config: FilteringConfig, *, documents: int, workers: int | None = None
) -> list[Candidate]:
    """Return a sample of the corpora's documents, drawn evenly by the hash of their place, with the filter's verdicts.

    Each text is taken once. Deterministic. Raises InputError where there is no text at all.
    """
    drawn = _draw(Intake(inputs), documents)
    if not drawn:
        raise InputError(f"{', '.join(inputs)}: no document to draw from")
    scorer, seen, found = build_harm_scorer(config.harm), set[str](), []
    with Progress("judged by the filter", total=len(drawn), unit="documents") as bar:
        for batch, results, _ in judge_batches(config, _batches(drawn), workers=choose_workers(workers, input_bytes=0)):
            for text, fields, judged in zip(batch.texts, batch.rest, results, strict=True):
                text = text[:MAX_CHARACTERS]
                key = key_of(text)
                if text.strip() and key not in seen:
                    seen.add(key)
                    score = scorer.score(text).score
                    source = " ".join(filter(None, (fields["corpus"], fields["source"])))
                    found.append(Candidate(key, fields["id"], source, text, judged.verdict.reason, round(score, 4)))
            bar.advance(len(results))
    return found


def key_of(text: str) -> str:
    """Return the name under which a text is judged."""
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "replace"))


def write_candidates(path: Path, candidates: Iterable[Candidate]) -> None:
    """Write the candidates as zstd JSON Lines, whole or not at all."""
    import zstandard

    aside = path.with_name(path.name + ".tmp")
    with aside.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as packed:
        for one in candidates:
            packed.write(json.dumps(asdict(one), ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    aside.replace(path)


def read_candidates(path: Path) -> list[Candidate]:
    """Return the candidates of a file that `write_candidates` wrote."""
    with open_decompressed(path) as file:
        return [Candidate(**json.loads(line)) for line in file]


def _draw(intake: Intake, documents: int) -> list[tuple[str, dict[str, str]]]:
    """Return the documents whose places have the smallest hashes, in input order; memory holds no more than those."""
    heap: list[tuple[int, int, str, dict[str, str]]] = []
    number = 0
    with Progress("reading", total=None, unit="documents") as bar:
        for batch in intake.batches():
            for text, fields in zip(batch.texts, batch.rest, strict=True):
                rank = -xxhash.xxh3_64_intdigest(fields["id"].encode("utf-8", "replace"))
                number += 1
                if len(heap) < documents:
                    heapq.heappush(heap, (rank, number, text, fields))
                elif rank > heap[0][0]:
                    heapq.heapreplace(heap, (rank, number, text, fields))
            bar.advance(len(batch.texts), share=intake.share_read())
    return [(text, fields) for _, _, text, fields in sorted(heap, key=lambda one: one[1])]


def _batches(drawn: Sequence[tuple[str, dict[str, str]]]) -> Iterator[Batch]:
    batch = Batch()
    for text, fields in drawn:
        batch.add(text, fields)
        if batch.full:
            yield batch
            batch = Batch()
    if batch.texts:
        yield batch
