"""The spool only grows and is cut back to what was noted; a checkpoint belongs to one key; workers change nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from any_texts import MIXED, REAL
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import KEEP
from hanhua.filtering.engine import checkpoint as checkpoints
from hanhua.filtering.engine.checkpoint import Checkpoint, Clock, key_of, resume_or_begin
from hanhua.filtering.engine.intake import Intake
from hanhua.filtering.engine.pool import judge_batches
from hanhua.filtering.engine.spool import Spool
from hanhua.filtering.judge import Judged

FIELDS = ("id", "text", "corpus", "source", "url", "language", "script", "license")
RECORDS = st.lists(
    st.tuples(MIXED, st.sampled_from(["zh", "en", "web"]), st.integers(0, 2**40), st.integers(0, 3)), max_size=12
)


def judged(letters: int, lines: int) -> Judged:
    hashes = np.arange(lines, dtype=np.uint64).tobytes()
    return Judged(
        "", KEEP, masked={"MOBILE": lines}, digest=bytes(16), signature=b"abcd", letters=letters, lines=hashes
    )


def fields_of(text: str, corpus: str) -> dict[str, str]:
    return {**dict.fromkeys(FIELDS, ""), "text": text, "corpus": corpus, "id": f"{corpus}#{len(text)}"}


def spooled(folder: Path, records: list[tuple[str, str, int, int]], *, cut: int | None = None) -> Spool:
    """Write the records; with a cut, as a run that noted so many, wrote the rest, was killed and came again."""
    spool = Spool(folder)
    with spool.writing({}, {}):
        for number, (text, corpus, letters, lines) in enumerate(records):
            if number == cut:
                sizes, numbers = spool.flush()
            spool.add(fields_of(text, corpus), judged(letters, lines))
        if cut is None or cut >= len(records):
            return spool
    with spool.writing(sizes, numbers):
        for text, corpus, letters, lines in records[cut:]:
            spool.add(fields_of(text, corpus), judged(letters, lines))
    return spool


@given(records=RECORDS)
@settings(max_examples=25)
def test_what_was_spooled_is_read_back_in_order(records: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    spool = spooled(tmp_path_factory.mktemp("spool"), records)
    assert [fields for fields, _ in spool.read()] == [fields_of(text, corpus) for text, corpus, *_ in records]
    assert [masked for _, masked in spool.read()] == [{"MOBILE": lines} for *_, lines in records]
    letters = np.fromfile(spool.letters, dtype=np.uint32).tolist()
    assert letters == [min(count, 2**32 - 1) for *_, count, _ in records]
    numbers = list(dict.fromkeys(corpus for _, corpus, *_ in records))
    assert np.fromfile(spool.corpora, dtype=np.uint16).tolist() == [numbers.index(corpus) for _, corpus, *_ in records]
    counts = np.fromfile(spool.line_counts, dtype=np.uint32)
    assert counts.tolist() == [lines for *_, lines in records]
    assert spool.lines.stat().st_size == 8 * counts.sum() and spool.digests.stat().st_size == 16 * len(records)


@given(records=RECORDS, cut=st.integers(0, 11))
@settings(max_examples=25)
def test_a_spool_cut_back_and_gone_on_with_is_the_same(
    records: list, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = spooled(tmp_path_factory.mktemp("whole"), records)
    again = spooled(tmp_path_factory.mktemp("again"), records, cut=min(cut, len(records)))
    assert list(again.read()) == list(whole.read())
    for name in ("digests", "signatures", "letters", "corpora", "lines", "line_counts"):
        assert getattr(again, name).read_bytes() == getattr(whole, name).read_bytes(), name


def test_a_checkpoint_comes_back_for_its_key_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = resume_or_begin(tmp_path, "key")
    begun.source, begun.records, begun.read_bytes, begun.sizes = 2, 70, 5_000_000, {"kept.jsonl.zst": 9}
    begun.report = {"tallies": {"zh": 1}}
    begun.write(tmp_path)
    assert capsys.readouterr().err == ""
    assert resume_or_begin(tmp_path, "key") == begun
    assert "resuming where the last run stopped; 5.0 MB are done" in capsys.readouterr().err
    (tmp_path / "verdicts").mkdir()
    (tmp_path / "bands").mkdir()
    assert resume_or_begin(tmp_path, "other") == Checkpoint("other", record=begun.record)
    assert "starting over" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["verdicts"], "made elsewhere, under keys of their own"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "key", "unknown": 1}', "null", "\0\0\0"])
def test_half_a_checkpoint_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_text(text, encoding="utf-8")
    assert resume_or_begin(tmp_path, "key").records == 0


def test_other_code_is_said_and_decides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = resume_or_begin(tmp_path, "key")
    begun.record = {"code": {}, "versions": {**begun.record["versions"], "numpy": "0.0.1"}}
    begun.records = 3
    begun.write(tmp_path)
    assert resume_or_begin(tmp_path, "key").records == 3
    assert "begun with other code or libraries (numpy: 0.0.1 →" in capsys.readouterr().err


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, CorpusConfig]:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in REAL), encoding="utf-8")
    return {"zh": CorpusConfig(path=str(path))}


def test_the_key_knows_settings_and_texts_and_not_how_it_is_run(inputs: dict[str, CorpusConfig]) -> None:
    def key(config: FilteringConfig, corpora: dict[str, CorpusConfig] = inputs) -> str:
        return key_of(config, corpora, Intake(corpora).sources)

    plain = FilteringConfig()
    assert key(plain) == key(FilteringConfig(workers=7))
    heavier = {"zh": inputs["zh"].model_copy(update={"weight": 3.0})}
    assert key(plain) == key(plain, heavier), "a weight is of the mixture, not of the text"
    others = [
        FilteringConfig(heldout_ratio=0.1),
        FilteringConfig(quality={"min_characters": 21}),
        FilteringConfig(preset="none"),
    ]
    assert len({key(plain), *map(key, others)}) == 4
    fewer = {"zh": inputs["zh"].model_copy(update={"max_documents": 3})}
    assert key(plain) != key(plain, fewer)
    before, path = key(plain), Path(inputs["zh"].path)
    os.utime(path, ns=(0, 0))
    assert key(plain) != before
    before = key(plain)
    path.write_bytes(path.read_bytes() + b"\n")
    os.utime(path, ns=(0, 0))
    assert key(plain) != before


def test_workers_and_batches_change_no_verdict(
    inputs: dict[str, CorpusConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = FilteringConfig(harm={"enabled": False}, quality={"min_characters": 300})
    found = []
    for size, workers in ((7, 2), (1000, 1)):
        monkeypatch.setattr("hanhua.filtering.engine.intake.BATCH_RECORDS", size)
        batches = list(judge_batches(config, Intake(inputs).batches(), workers=workers))
        merged = batches[0][2]
        for _, _, histograms in batches[1:]:
            merged.merge(histograms)
        results = [one for _, judged_texts, _ in batches for one in judged_texts]
        assert len(results) == len(REAL) and not any(one.measured for one in results)
        found.append((results, merged.facts()))
    assert found[0] == found[1]
    reasons = {one.verdict.reason for one in found[0][0]}
    assert reasons == {"", "length.short"}


def test_a_clock_is_due_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    clock, due = Clock(), []
    for seconds in (0, checkpoints.SECONDS_BETWEEN - 1, 1, 1, checkpoints.SECONDS_BETWEEN):
        now[0] += seconds
        due.append(clock.due())
    assert due == [False, False, True, False, True]
