"""An audit: what is drawn, that the estimates are right as often as they say, and a run judged over HTTP."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError
from hanhua.filtering.audit.estimate import Counted, measures_of
from hanhua.filtering.audit.sample import Stratum, allocate, draw_sample, strata_of
from hanhua.filtering.audit.sitting import Audit
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.labeling.candidates import Candidate
from hanhua.filtering.labeling.session import begin

KEPT, JUNK, HARM = Stratum("", "web", "score0"), Stratum("junk", "web", ""), Stratum("harm", "web", "")
GOOD = [f"渡船靠岸时钟声响了{n}下，卖藕的妇人挑着担子走进雾里，渐渐看不见了。" for n in range(30)]
BAD = [f"信誉菠菜平台首充送{n}，百家乐秒提款，加微信 abc{n}2345 领彩金。" for n in range(12)]


def candidates(sizes: dict[tuple[str, str, float], int]) -> list[Candidate]:
    rows = [key for key, count in sizes.items() for _ in range(count)]
    return [Candidate(f"k{n}", f"d{n}", source, "", reason, score) for n, (reason, source, score) in enumerate(rows)]


def test_every_kind_of_verdict_is_drawn() -> None:
    some = candidates(
        {("", "web", 0.0): 900, ("", "web", 0.4): 10, ("", "books", 0.0): 80, ("harm.fraud", "web", 0.9): 6}
    )
    strata = strata_of(some, 40)
    drawn = Counter(strata[i] for i in draw_sample(strata, 40))
    assert len(drawn) == 4
    assert drawn[Stratum("harm", "web", "")] == 6
    assert sum(drawn.values()) == 40
    assert min(drawn.values()) >= 2
    assert draw_sample(strata, 40) == draw_sample(strata, 40)


def test_strata_are_joined_where_there_are_too_many() -> None:
    some = candidates({("", f"site{n}", 0.1 * (n % 5)): 5 for n in range(40)})
    assert len(set(strata_of(some, 200))) == 10
    assert len(set(strata_of(some, 18))) == 4
    assert len(set(strata_of(some, 4))) == 1


def test_judgements_left_over_on_one_side_go_to_the_other() -> None:
    assert allocate({KEPT: 1000, JUNK: 10}, 100) == {KEPT: 90, JUNK: 10}
    assert allocate({KEPT: 5, JUNK: 1000}, 100) == {JUNK: 95, KEPT: 5}


def test_judgements_stand_for_their_stratum() -> None:
    found = measures_of([Counted(KEPT, 1000, 10, 1), Counted(JUNK, 100, 10, 9), Counted(HARM, 50, 5, 5)])
    assert found.precision is not None and found.recall is not None and found.good_lost is not None
    assert found.precision.value == pytest.approx((90 + 50) / 150)
    assert found.recall.value == pytest.approx(140 / 240)
    assert found.good_lost.value == pytest.approx(10 / 910)
    assert found.left is not None and found.left.value == pytest.approx(0.1)


def test_where_nothing_was_rejected_nothing_is_said_of_it() -> None:
    found = measures_of([Counted(KEPT, 1000, 10, 1)])
    assert found.precision is None
    assert found.recall is not None and found.recall.value == 0
    with pytest.raises(InputError, match="nothing was judged"):
        measures_of([Counted(KEPT, 1000, 0, 0)])


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """The share of unwanted texts differs by stratum; 300 audits of 200 judgements each."""
    shares = {KEPT: 0.05, Stratum("", "web", "score2"): 0.3, JUNK: 0.9, HARM: 0.7}
    sizes = dict(zip(shares, (8000, 500, 400, 100), strict=True))
    bad = {one: shares[one] * sizes[one] for one in shares}
    truth = {
        "precision": sum(bad[one] for one in (JUNK, HARM)) / 500,
        "recall": sum(bad[one] for one in (JUNK, HARM)) / sum(bad.values()),
        "left": sum(bad[one] for one in shares if not one.rejected) / 8500,
    }
    chance, held = np.random.default_rng(3), Counter[str]()
    for _ in range(300):
        counted = [
            Counted(one, sizes[one], n, int(chance.binomial(n, shares[one]))) for one, n in allocate(sizes, 200).items()
        ]
        found = measures_of(counted)
        for name, value in truth.items():
            one = getattr(found, name)
            held[name] += one.low <= value <= one.high
    assert all(0.9 <= count / 300 <= 0.99 for count in held.values()), held


def test_a_corpus_is_judged_without_telling_what_the_filter_said(tmp_path: Path) -> None:
    corpus = tmp_path / "texts.jsonl"
    rows = ({"text": text, "source": "web"} for text in [*GOOD, *BAD])
    corpus.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "audit"
    begin(out, {"web": CorpusConfig(path=str(corpus))}, FilteringConfig(), documents=100, workers=1)
    audit = Audit(out, judge="one", count=30)
    assert audit.round_size == 30
    with pytest.raises(InputError, match="nothing was judged"):
        audit.write()
    for one in audit.waiting[:20]:
        audit.label(one.key, "gambling" if one.text in BAD else "keep")
    again = Audit(out, judge="one", count=99)
    assert len(again.waiting) == 10
    assert again.undo() is not None
    for one in again.waiting:
        again.label(one.key, "gambling" if one.text in BAD else "keep")
    figures = again.write()
    assert json.loads((out / "audit.json").read_text(encoding="utf-8")) == figures
    assert figures["judged"] == 30
    assert figures["precision"]["value"] == 1
    assert figures["recall"]["value"] == 1
    assert figures["reasons"][0] == {"reason": "harm", "documents": 12, "judged": 12, "unwanted": 12}
