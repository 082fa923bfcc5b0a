"""The filtering stage: people's files in, a Corpus out, with a reason for everything that is left out.

Two passes. The first reads, judges each record on its own (in worker processes) and spools what is kept to
`work/`, with its hashes; it notes how far it has come, so that a killed run resumes from there. Then copies are
clustered, and the second pass writes the corpus without them and decides the split.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_json
from hanhua.documents.corpus import Document, write_corpus
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.decontamination.kept_index import build_index
from hanhua.filtering.duplicates.clusters import find_clusters
from hanhua.filtering.engine.checkpoint import Checkpoint, Clock, key_of, resume_or_begin
from hanhua.filtering.engine.intake import Intake, input_bytes
from hanhua.filtering.engine.pool import judge_batches
from hanhua.filtering.engine.second_pass import SecondPass
from hanhua.filtering.engine.spool import Spool
from hanhua.filtering.engine.verdicts import Verdicts, verdict_folder
from hanhua.filtering.report.findings import Findings
from hanhua.filtering.report.page import write_report
from hanhua.filtering.report.tally import by_count
from hanhua.processes import choose_workers
from hanhua.progress import Progress, say
from hanhua.services import Services


def filter_corpora(
    config: FilteringConfig, inputs: Mapping[str, CorpusConfig], out: Path, *, services: Services
) -> dict[str, Any]:
    """Filter the corpora into `out` (parts, `rejected/`, `report/`); return the counts.

    The same inputs give the same bytes whatever the number of workers, and after a kill: called again on the
    same `out`, it resumes after what is finished, if settings, texts and versions are the same. Raises InputError
    for a file that cannot be read, and when a corpus has no usable document. `services` is not used: the
    harmful-content scorer is this stage's own.
    """
    del services
    if not inputs:
        raise InputError("no corpus to filter: name at least one under `corpora`")
    began = time.monotonic()
    intake = Intake(inputs)
    checkpoint = resume_or_begin(out / "work", key_of(config, inputs, intake.sources))
    _clear(out)
    findings = Findings.begin(config, inputs, checkpoint.report)
    spool = Spool(out / "work")
    workers = choose_workers(config.workers, input_bytes=input_bytes(inputs))
    before = checkpoint.read_bytes
    verdicts = Verdicts.find(verdict_folder(out, config, inputs), inputs)
    if verdicts is not None:
        say("filtering: all texts have been judged; now searching for duplicates")
    if not checkpoint.finished:
        _judge_all(config, intake, spool, findings, checkpoint, verdicts=verdicts, workers=workers)
    _refuse_empty(findings)
    write_corpus(out, _second_pass(config, spool, findings))
    _refuse_empty(findings)
    findings.samples.write(out / "rejected", order=inputs)
    _write_questions(out / "rejected" / "questions.jsonl", findings)
    facts = findings.facts(config)
    write_report(out / "report", config, findings, facts)
    spool.remove()
    _log(out, workers=workers, read_bytes=checkpoint.read_bytes - before, seconds=time.monotonic() - began)
    for name, tally in findings.tallies.items():
        say(f"filtering: {name}: kept {tally.kept:,} of {tally.read:,} documents ({tally.heldout:,} held out)")
        if tally.broken:
            say(f"filtering: {name}: {tally.broken:,} could not be read and were skipped; {tally.first_problem}")
    return facts


def _judge_all(
    config: FilteringConfig,
    intake: Intake,
    spool: Spool,
    findings: Findings,
    checkpoint: Checkpoint,
    *,
    verdicts: Verdicts | None,
    workers: int,
) -> None:
    """Run the first pass, from the checkpoint on, and leave it at the end; by the verdicts there are, if any."""
    if workers > 1 and verdicts is None:
        build_index(config.decontamination)  # once, into the cache, instead of once in each worker
    began, before, clock = time.monotonic(), checkpoint.read_bytes, Clock()
    done = sum(tally.read for tally in findings.tallies.values())
    batches = intake.batches(source=checkpoint.source, records=checkpoint.records, of_corpus=checkpoint.of_corpus)
    with (
        spool.writing(checkpoint.sizes, checkpoint.numbers),
        Progress("filtering", total=None, unit="documents", done=done) as bar,
    ):
        passed = judge_batches(config, batches, workers=workers) if verdicts is None else verdicts.batches(batches)
        for batch, results, histograms in passed:
            findings.add_batch(batch, results, histograms)
            for fields, judged in zip(batch.rest, results, strict=True):
                if judged.verdict.keep:
                    spool.add({**fields, "text": judged.text, "script": judged.script}, judged)
            checkpoint.source, checkpoint.records = batch.source, batch.records
            checkpoint.of_corpus = batch.of_corpus
            checkpoint.read_bytes += sum(map(len, map(_encoded, batch.texts)))
            rate = (checkpoint.read_bytes - before) / 1e6 / max(time.monotonic() - began, 1e-3)
            bar.advance(len(results), note=f"{rate:.1f} MB/s", share=intake.share_read())
            if clock.due():
                _note(checkpoint, spool, findings)
        checkpoint.finished = True
        _note(checkpoint, spool, findings)


def _note(checkpoint: Checkpoint, spool: Spool, findings: Findings) -> None:
    checkpoint.sizes, checkpoint.numbers = spool.flush()
    checkpoint.report = findings.state()
    checkpoint.write(spool.folder)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _second_pass(config: FilteringConfig, spool: Spool, findings: Findings) -> Iterator[Document]:
    clusters = find_clusters(
        config.duplicates, digests=spool.digests, signatures=spool.signatures, letters=spool.letters
    )
    yield from SecondPass(config, spool, clusters, findings).documents()


def _refuse_empty(findings: Findings) -> None:
    for name, tally in findings.tallies.items():
        if tally.read - tally.rejected.total():
            continue
        counts = {**by_count(tally.rejected), **({"broken": tally.broken} if tally.broken else {})}
        why = ", ".join(f"{reason}: {count:,}" for reason, count in counts.items()) or "its files hold no record"
        problem = f" (the first: {tally.first_problem})" if tally.first_problem else ""
        raise InputError(
            f"corpus {name!r}: none of its {tally.read:,} documents can be used ({why}){problem}; "
            "check its path, text_field and language, or loosen the filtering section"
        )


def _write_questions(path: Path, findings: Findings) -> None:
    if findings.questions:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in findings.questions)
        path.write_text("".join(lines), encoding="utf-8")


def _clear(out: Path) -> None:
    """Remove what the second pass of an interrupted run has left; it is redone, with the same result."""
    for part in out.glob("part-*.jsonl.zst"):
        part.unlink()
    for folder in ("rejected", "report"):
        shutil.rmtree(out / folder, ignore_errors=True)


def _log(out: Path, *, workers: int, read_bytes: int, seconds: float) -> None:
    (out / "logs").mkdir(exist_ok=True)
    megabytes = read_bytes / 1e6
    rate = megabytes / max(seconds, 1e-9)
    row = {"workers": workers, "megabytes": megabytes, "seconds": seconds, "megabytes_per_second": rate}
    write_json(out / "logs" / "filtering.json", row)
