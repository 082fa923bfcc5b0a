"""Precision and recall of each check of synthetic text, on outputs written and judged by hand.

    python benchmarks/synthetic_checks.py --data tests/synthesis --json FILE

The folder holds `passages.jsonl` (the sources), `judged_outputs.jsonl` (outputs, each good or with the check that it
was written to fail) and `benchmark_questions.jsonl`. A check's recall is the share of its own outputs that it finds;
its precision is the share of bad ones among all outputs in which it finds something.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from measurement import add_json_option, write_measurement

from hanhua.filtering.decontamination.finder import BenchmarkQuestions
from hanhua.filtering.duplicates.finder import CorpusCopies
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.pii import build_masker
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.among import reject_alike
from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.overlap import shared_ratio
from hanhua.synthesis.checks.verdict import CHECKS, PASSED_IN, CheckContext, findings
from hanhua.synthesis.forms.library import load_forms
from hanhua.synthesis.seed import Seed

AMONG = ("near_copy", "opening")
"""Checks of outputs among one another: how many of a group are rejected is what counts, not which."""


@dataclass(frozen=True)
class Judged:
    """One output, the check it was written to fail (None: good), and what each check found."""

    id: str
    reason: str | None
    text: str
    found: dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the judged outputs")
    add_json_option(parser)
    given = parser.parse_args()
    outputs = list(judged(given.data))
    rows = measured(outputs)
    print("| check | its outputs | found | recall | good ones rejected | precision |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        shares = ["–" if row[key] is None else f"{row[key]:.1%}" for key in ("recall", "precision")]
        print(
            f"| {row['check']} | {row['own']} | {row['found']} | {shares[0]} | {row['good_rejected']} | {shares[1]} |"
        )
    drift = drift_shares(given.data)
    print(
        f"\npairs of Han characters in the source: {drift['own_least']:.3f} and more of the good outputs; of the same "
        f"with another passage {drift['other_median']:.3f} at the median, {drift['other_most']:.3f} at most, and "
        f"{drift['other_passing_ratio']:.2%} reach their form's limit"
    )
    write_measurement(__file__, given, {"checks": rows, "shared_ratio": drift})


def judged(folder: Path) -> Iterator[Judged]:
    """Yield the outputs of a folder with what every check finds in them."""
    passages = {one["id"]: one for one in _lines(folder / "passages.jsonl")}
    context = CheckContext(
        harm=build_harm_scorer(),
        masker=build_masker(),
        benchmarks=BenchmarkQuestions().of([str(folder / "benchmark_questions.jsonl")]),
        copies=CorpusCopies().of((one["id"], one["text"]) for one in passages.values()),
    )
    for one in _lines(folder / "judged_outputs.jsonl"):
        passage = passages[one["passage"]]
        seed = Seed(passage["id"], 0, passage["text"], "", "own", "CC0-1.0", passage["language"])
        case = Case(load_forms([one["form"]])[0], seed, Answer(one["output"], one["finish_reason"], 0, 0))
        yield Judged(one["id"], one["reason"], case.text, dict(findings(case, context)))


def drift_shares(folder: Path) -> dict[str, float]:
    """Return how much of good outputs is in their own passage, and in all the others of the folder."""
    passages = {one["id"]: one["text"] for one in _lines(folder / "passages.jsonl") if one["language"] == "zh"}
    own, other, passing = [], [], []
    for one in _lines(folder / "judged_outputs.jsonl"):
        limit = load_forms([one["form"]])[0].limits.min_shared_ratio
        if one["reason"] is None and limit is not None:
            own.append(shared_ratio(one["output"], passages[one["passage"]]))
            with_others = [
                shared_ratio(one["output"], source) for name, source in passages.items() if name != one["passage"]
            ]
            other += with_others
            passing += [ratio >= limit for ratio in with_others]
    return {
        "own_least": min(own),
        "other_median": median(other),
        "other_most": max(other),
        "other_passing_ratio": sum(passing) / len(passing),
    }


def measured(outputs: list[Judged]) -> list[dict[str, Any]]:
    """Return a row per check, and one of all checks together."""
    alike = reject_alike((one.id, one.text) for one in outputs if one.reason is None or one.reason in AMONG)
    rows = [_row(name, outputs) for name in (*CHECKS, *PASSED_IN)]
    rows += [_row_among(name, outputs, alike) for name in AMONG]
    good = [one for one in outputs if one.reason is None]
    bad = [one for one in outputs if one.reason is not None and one.reason not in AMONG]
    kept_out, wrong = sum(bool(one.found) for one in bad), sum(bool(one.found) for one in good)
    return [*rows, _shares("any check of one output", len(bad), kept_out, wrong, kept_out)]


def _row(name: str, outputs: list[Judged]) -> dict[str, Any]:
    own = [one for one in outputs if one.reason == name]
    flagged = [one for one in outputs if name in one.found]
    wrong = sum(one.reason is None or one.reason in AMONG for one in flagged)
    return _shares(name, len(own), sum(name in one.found for one in own), wrong, len(flagged) - wrong)


def _row_among(name: str, outputs: list[Judged], alike: dict[str, str]) -> dict[str, Any]:
    """Of a group with one opening as many are to be rejected as are marked so, whichever they are."""
    own = sum(one.reason == name for one in outputs)
    rejected = sum(reason == name for reason in alike.values())
    return _shares(name, own, min(own, rejected), max(0, rejected - own), min(own, rejected))


def _shares(name: str, own: int, found: int, wrong: int, right: int) -> dict[str, Any]:
    return {
        "check": name,
        "own": own,
        "found": found,
        "recall": found / own if own else None,
        "good_rejected": wrong,
        "precision": right / (right + wrong) if right + wrong else None,
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
