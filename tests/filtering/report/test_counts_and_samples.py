"""Tallies, histograms and samples: they add up in any order, survive a checkpoint, and show nothing personal."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from any_texts import MIXED, REAL
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import KEEP, reject
from hanhua.filtering.engine.intake import Batch
from hanhua.filtering.judge import Judged
from hanhua.filtering.report.findings import Findings
from hanhua.filtering.report.histograms import Histograms, bin_of, lower_edge
from hanhua.filtering.report.samples import (
    HARMFUL_SNIPPET_CHARACTERS,
    SNIPPET_CHARACTERS,
    Samples,
    showable,
)
from hanhua.filtering.report.tally import MAX_SOURCES, OTHER_SOURCES, CorpusTally, by_count

MEASURES = st.dictionaries(
    st.sampled_from(["length", "entropy", "symbols.digits", "boilerplate"]), st.floats(0, 1), max_size=4
)
COUNTED = st.lists(st.tuples(st.sampled_from(["zh", "en"]), MEASURES), max_size=20)


def histograms(rows: list[tuple[str, dict[str, float]]]) -> Histograms:
    found = Histograms()
    for corpus, measured in rows:
        found.add(corpus, measured)
    return found


def merged(*parts: Histograms) -> Histograms:
    whole = Histograms()
    for part in parts:
        whole.merge(part)
    return whole


@given(COUNTED, COUNTED, COUNTED)
def test_histograms_merge_in_any_order_and_grouping(one: list, two: list, three: list) -> None:
    a, b, c = map(histograms, (one, two, three))
    whole = histograms([*one, *two, *three]).facts()
    assert merged(a, b, c).facts() == merged(c, a, b).facts() == whole
    assert merged(merged(a, b), c).facts() == merged(a, merged(b, c)).facts() == whole
    assert merged(a, Histograms()).facts() == a.facts()


@given(COUNTED)
def test_histograms_survive_a_checkpoint_and_count_everything(rows: list) -> None:
    found = histograms(rows)
    assert Histograms.restore(json.loads(json.dumps(found.state()))).facts() == found.facts()
    expected = Counter((corpus, name) for corpus, measured in rows for name in measured)
    for corpus, measures in found.facts().items():
        for name, bins in measures.items():
            assert sum(count for _, count in bins) == expected[corpus, name]
            assert [edge for edge, _ in bins] == sorted({edge for edge, _ in bins})


@given(st.sampled_from(["length", "entropy", "symbols.digits"]), st.floats(0, 1), st.floats(0, 1))
def test_bins_rise_with_values_and_begin_at_their_edge(name: str, one: float, other: float) -> None:
    scale = {"length": 1e5, "entropy": 12.0}.get(name, 1.0)
    low, high = sorted((one * scale, other * scale))
    assert bin_of(name, low) <= bin_of(name, high)
    assert lower_edge(name, bin_of(name, low)) <= low + 0.06
    assert lower_edge(name, bin_of(name, low) + 1) > low - 0.06


@given(st.dictionaries(st.text(max_size=5), st.integers(1, 9)))
def test_counts_are_shown_largest_first_and_equal_ones_by_name(counts: dict[str, int]) -> None:
    shown = list(by_count(Counter(counts)).items())
    assert dict(shown) == counts
    assert shown == sorted(shown, key=lambda item: (-item[1], item[0]))


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=60))
def test_a_tally_survives_a_checkpoint_anywhere(events: list[tuple[int, bool]]) -> None:
    straight, broken_off = CorpusTally(), CorpusTally()
    for number, (source, kept) in enumerate(events):
        for tally in (straight, broken_off):
            tally.read += 1
            tally.rejected[f"r{source % 3}"] += not kept
            tally.count_source(f"s{source}", kept=kept)
        if number % 7 == 3:
            broken_off = CorpusTally.restore(json.loads(json.dumps(broken_off.state())))
    assert broken_off.facts() == straight.facts()


def test_sources_beyond_the_most_are_counted_together() -> None:
    tally = CorpusTally()
    for number in range(MAX_SOURCES + 50):
        tally.count_source(f"s{number}")
    tally.count_source("s0", kept=True)
    sources = tally.facts()["sources"]
    assert len(sources) == MAX_SOURCES + 1
    assert sources[OTHER_SOURCES] == {"read": 50, "kept": 0} and sources["s0"] == {"read": 1, "kept": 1}


@given(MIXED, st.booleans(), st.integers(0, 30))
def test_what_is_shown_has_a_length_and_no_number(text: str, harmful: bool, before: int) -> None:
    secret = "13800138000"
    shown = showable("今" * before + "，" + secret + "，" + text * 6, harmful=harmful)
    limit = HARMFUL_SNIPPET_CHARACTERS if harmful else SNIPPET_CHARACTERS
    assert len(shown) <= limit + 1
    assert secret[:4] not in shown or secret[:4] in text
    assert "\r" not in shown and "\u2028" not in shown and "\u200b" not in shown


def test_evidence_of_harm_is_blotted_out() -> None:
    text = "信誉菠菜平台首充送彩金，百家乐秒提款，加微信 abc12345 领彩金。"
    assert "百家乐" in showable(text)
    shown = showable(text, harmful=True)
    assert "■" in shown and "百家乐" not in shown


@given(st.integers(0, 4), st.lists(st.sampled_from(["", "length.short", "entropy"]), max_size=20))
def test_so_many_samples_of_each_reason_and_no_more(per_reason: int, reasons: list[str]) -> None:
    samples = Samples(per_reason)
    for number, reason in enumerate(reasons):
        fields = {"id": f"zh#{number}", "corpus": "zh"}
        samples.add(fields, verdict=reject(reason, 0.123456) if reason else KEEP, text="渡船靠岸")
    expected = Counter({reason or "kept": min(count, per_reason) for reason, count in Counter(reasons).items()})
    assert Counter(row["reason"] for row in samples.rows) == +expected
    first = {reason: next((i for i, r in enumerate(reasons) if r == reason), None) for reason in set(reasons)}
    for reason, at in first.items():
        mine = [row["id"] for row in samples.rows if row["reason"] == (reason or "kept")]
        assert not per_reason or mine[0] == f"zh#{at}", "the first in the order of the input"
    again = Samples(per_reason, json.loads(json.dumps(samples.rows)))
    for reason in ("kept", "length.short", "entropy"):
        assert again.wants("zh", reason) == samples.wants("zh", reason)


def test_samples_are_written_by_corpus_and_reason(tmp_path: Path) -> None:
    samples = Samples(5)
    for corpus, reason in (("b", "x"), ("a", "y"), ("b", ""), ("a", "x")):
        samples.add(
            {"id": f"{corpus}{reason}", "corpus": corpus}, verdict=reject(reason) if reason else KEEP, text="字"
        )
    samples.write(tmp_path, order=["b", "a"])
    rows = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["bx", "ax", "ay"]
    assert [json.loads(line)["id"] for line in (tmp_path / "kept.jsonl").read_text().splitlines()] == ["b"]


OUTCOMES = st.lists(st.sampled_from(["", "length.short", "harm.fraud"]), min_size=1, max_size=12)


def batch_of(outcomes: list[str], start: int) -> tuple[Batch, list[Judged]]:
    texts = [REAL[(start + n) % len(REAL)] for n in range(len(outcomes))]
    rest = [{"id": f"zh#{start + n}", "corpus": "zh", "source": "s", "language": "zh"} for n in range(len(outcomes))]
    results = [
        Judged(text, reject(reason) if reason else KEEP, questions=[("q", 0.5)] if reason == "harm.fraud" else [])
        for text, reason in zip(texts, outcomes, strict=True)
    ]
    return Batch(texts, rest=rest, broken=[], source=0, records=len(texts), of_corpus=len(texts)), results


@given(st.lists(OUTCOMES, min_size=1, max_size=4))
def test_findings_count_every_text_and_survive_a_checkpoint_between_batches(batches: list[list[str]]) -> None:
    config = FilteringConfig(samples_per_reason=2)
    straight, resumed = Findings.begin(config, ["zh"], {}), Findings.begin(config, ["zh"], {})
    start = 0
    for outcomes in batches:
        batch, results = batch_of(outcomes, start)
        start += len(outcomes)
        straight.add_batch(batch, results, Histograms())
        resumed = Findings.begin(config, ["zh"], json.loads(json.dumps(resumed.state())))
        resumed.add_batch(batch, results, Histograms())
    assert resumed.state() == straight.state()
    facts = straight.facts(config)
    assert facts["corpora"]["zh"]["read"] == start
    assert facts["reasons"] == by_count(Counter(reason for some in batches for reason in some if reason))
    assert len(straight.questions) == sum(some.count("harm.fraud") for some in batches)
