"""The report: counts that add up, limits with their origin, nothing in it that must not be shown."""

from __future__ import annotations

import json
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from clean_texts import documents

from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.report.histograms import Histograms, bin_of, lower_edge
from hanhua.filtering.report.limits import _FIELDS, limit_of
from hanhua.filtering.stage import filter_corpora
from hanhua.services import Services

ROWS = [
    *({"text": text, "source": "村志"} for text in documents()[:30]),
    *({"text": text, "source": "<b>网</b>"} for text in documents()[30:40]),
    {"text": documents()[0], "source": "村志"},
    {"text": "短", "source": "村志"},
    {"text": "物业的手机是13800138000，水管漏了就打这个电话，周末也有人值班。", "source": "村志"},
    {"text": "手机13800138000，" + "哈" * 90, "source": "村志"},
    {"text": "信誉菠菜平台首充送100，百家乐秒提款，加微信 abc12345 领彩金。" + documents()[41], "source": "村志"},
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    (folder / "a.jsonl").write_text("\n".join([*lines, "{broken"]), encoding="utf-8")
    (folder / "out").mkdir()
    inputs = {"zh": CorpusConfig(path=str(folder / "a.jsonl"))}
    filter_corpora(FilteringConfig(), inputs, folder / "out", services=Services())
    return folder / "out"


@pytest.fixture(scope="module")
def report(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "report" / "filtering.json").read_text(encoding="utf-8"))
    return found


def test_the_funnel_adds_up(report: dict[str, Any]) -> None:
    steps = report["funnel"]["zh"]
    assert steps[0] == {"step": "records", "left": len(ROWS) + 1, "rejected": 0}
    assert [step["step"] for step in steps[1:]] == ["broken", "length", "repetition", "harm", "duplicate"]
    assert steps[-1]["left"] == report["corpora"]["zh"]["kept"] == 41
    assert all(a["left"] - b["rejected"] == b["left"] for a, b in pairwise(steps))
    assert report["corpora"]["zh"]["sources"] == {
        "<b>网</b>": {"kept": 10, "read": 10},
        "村志": {"kept": 31, "read": 35},
    }


def test_histograms_count_every_document_that_came_so_far(report: dict[str, Any]) -> None:
    length = report["measures"]["zh"]["length"]
    assert sum(count for _, count in length["bins"]) == len(ROWS)
    assert (length["min"], length["max"], length["field"]) == (20, None, "quality.min_characters")
    digits = report["measures"]["zh"]["symbols.digits"]
    assert (digits["max"], "MAP-CC" in digits["origin"]) == (0.5, True)


def test_samples_are_of_kept_and_rejected_and_show_nothing_personal(out: Path, report: dict[str, Any]) -> None:
    reasons = [row["reason"] for row in report["samples"]]
    assert reasons.count("kept") == 5
    assert {"broken", "length.short", "repetition.runs", "harm.gambling", "duplicate.exact"} < set(reasons)
    for path in (out / "report").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not any(secret in text for secret in ("13800138000", "百家乐", "abc12345"))
    page = (out / "report" / "filtering.html").read_text(encoding="utf-8")
    assert "<b>网</b>" not in page
    assert "&lt;b&gt;网" in page
    kept = [json.loads(line) for line in (out / "rejected" / "kept.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["reason"] for row in kept] == ["kept"] * 5


def test_every_limit_has_an_origin() -> None:
    for measure, preset in product(_FIELDS, ("balanced", "fineweb2-zh")):
        limit = limit_of(measure, FilteringConfig.model_validate({"preset": preset}))
        assert limit is not None
        if limit.low is not None or limit.high is not None:
            assert limit.origin.endswith(")"), f"{limit.field}: {limit.origin}"
    assert limit_of("unknown", FilteringConfig()) is None


def test_bins_hold_what_lies_above_their_edge() -> None:
    for name in ("symbols.digits", "length", "entropy"):
        for value in (0.0, 0.024, 0.5, 0.99, 3.2, 90.0):
            if name != "symbols.digits" or value <= 1:
                assert lower_edge(name, bin_of(name, value)) <= value + 0.05
    one = Histograms()
    one.add("a", {"length": 30, "entropy": 6.2})
    two = Histograms.restore(json.loads(json.dumps(one.state())))
    two.merge(one)
    assert two.facts() == {"a": {"entropy": [[6.0, 2]], "length": [[lower_edge("length", bin_of("length", 30)), 2]]}}
