"""The report: `filtering.json` for programs, `filtering.html` for people, both free of personal data."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_json
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.report.findings import Findings
from hanhua.filtering.report.limits import Limit, limit_of

# In the order of the chain; what is not named comes before the copies.
FAMILIES = [
    "empty",
    "encoding",
    "language",
    "symbols",
    "length",
    "repetition",
    "entropy",
    "lines",
    "words",
    "boilerplate",
    "benchmark",
    "harm",
    "junk",
    "pii",
    "duplicate",
]
_STYLE = """
body{font:15px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}
td,th{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
figure{display:inline-block;margin:.5rem 1rem .5rem 0;width:20rem;vertical-align:top}
figcaption{font-size:.8rem;color:#555}.bar{fill:#7aa6c2}.out{fill:#c2847a}
.funnel span{display:inline-block;height:.8rem;background:#7aa6c2;vertical-align:middle}
small{color:#666}pre{white-space:pre-wrap;margin:0;font:inherit}
"""


def write_report(folder: Path, config: FilteringConfig, findings: Findings, facts: dict[str, Any]) -> None:
    """Write both files into a new folder."""
    folder.mkdir(exist_ok=True)
    report = {**facts, "funnel": funnel(facts), "measures": _measures(config, findings)}
    write_json(folder / "filtering.json", {**report, "samples": findings.samples.rows, "questions": findings.questions})
    page = "".join([*_head(facts), *_figures(report["measures"]), *_samples(findings), *_questions(findings)])
    (folder / "filtering.html").write_text(page, encoding="utf-8")


def funnel(facts: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return for each corpus what was left after each family of rules, in the order of the chain."""
    found = {}
    for name, one in facts["corpora"].items():
        left = one["read"] + one["broken"]
        steps = [{"step": "records", "left": left, "rejected": 0}]
        lost = {"broken": one["broken"]}
        for reason, count in one["rejected"].items():
            family = reason.partition(".")[0]
            lost[family] = lost.get(family, 0) + count
        order = ["broken", *sorted(set(lost) - {"broken", *FAMILIES}), *FAMILIES]
        for family in order:
            if lost.get(family):
                left -= lost[family]
                steps.append({"step": family, "left": left, "rejected": lost[family]})
        found[name] = steps
    return found


def _measures(config: FilteringConfig, findings: Findings) -> dict[str, dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for corpus, measures in findings.histograms.facts().items():
        for name, rows in measures.items():
            limit = limit_of(name, config)
            described = {
                "min": limit.low if limit else None,
                "max": limit.high if limit else None,
                "field": limit.field if limit else "",
                "origin": limit.origin if limit else "",
                "bins": rows,
            }
            shown.setdefault(corpus, {})[name] = described
    return shown


def _head(facts: dict[str, Any]) -> Iterable[str]:
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>Filtering report</title><style>{_STYLE}</style>"
    yield f"<h1>Filtering report</h1><p>Preset <b>{escape(facts['preset'])}</b>.</p>"
    yield "<h2>Corpora</h2>"
    keys = ("read", "broken", "repaired", "kept", "train", "heldout", "characters_kept")
    rows = [[name, *(one[key] for key in keys), _percent(one)] for name, one in facts["corpora"].items()]
    yield _table(["corpus", *(key.replace("_", " ") for key in keys), "share kept"], rows)
    for name, steps in funnel(facts).items():
        yield f"<h3>{escape(name)}: what was left after each step</h3><table class=funnel>"
        most = max(steps[0]["left"], 1)
        for step in steps:
            width = 30 * step["left"] / most
            lost = f"−{step['rejected']:,}" if step["rejected"] else ""
            yield f"<tr><td>{escape(step['step'])}<td class=n>{step['left']:,}<td class=n>{lost}"
            yield f"<td><span style='width:{width:.2f}rem'></span>"
        yield "</table>"
        sources = facts["corpora"][name]["sources"]
        if len(sources) > 1:
            yield _table(["source", "read", "kept"], [[s or "—", n["read"], n["kept"]] for s, n in sources.items()])
    yield "<h2>Reasons</h2>" + _table(["reason", "documents"], facts["reasons"].items())


def _percent(one: dict[str, Any]) -> str:
    return f"{one['kept'] / max(one['read'], 1):.2%}"


def _table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = ["<table><tr>", *(f"<th>{escape(head)}" for head in heads)]
    for row in rows:
        lines.append("<tr>")
        lines += [f"<td class=n>{v:,}" if isinstance(v, int) else f"<td>{escape(str(v))}" for v in row]
    return "".join([*lines, "</table>"])


def _figures(measures: dict[str, dict[str, Any]]) -> Iterable[str]:
    yield "<h2>Measures against their limits</h2>"
    yield "<p>Documents that came as far as the rule; what lies beyond a limit is red.</p>"
    for corpus, named in measures.items():
        yield f"<h3>{escape(corpus)}</h3>"
        for name, one in named.items():
            yield _figure(name, one)


def _figure(name: str, one: dict[str, Any]) -> str:
    limit = Limit(one["min"], one["max"], one["field"], one["origin"])
    most = max(count for _, count in one["bins"])
    width = 300 / len(one["bins"])
    bars = []
    for number, (edge, count) in enumerate(one["bins"]):
        height = max(1.0, 60 * count / most)
        beyond = (limit.low is not None and edge < limit.low) or (limit.high is not None and edge >= limit.high)
        kind = "out" if beyond else "bar"
        bars.append(
            f"<rect class={kind} x={number * width:.1f} y={62 - height:.1f} width={max(width - 1, 0.5):.1f} "
            f"height={height:.1f}><title>from {edge:g}: {count:,} documents</title></rect>"
        )
    said = " · ".join(
        f"{sign} {value:g}" for sign, value in (("at least", limit.low), ("at most", limit.high)) if value is not None
    )
    first, last = one["bins"][0][0], one["bins"][-1][0]
    return (
        f"<figure><svg viewBox='0 0 300 64' role=img aria-label='{escape(name)}'>{''.join(bars)}</svg><figcaption>"
        f"<b>{escape(name)}</b> {first:g} … {last:g}; {said or 'no limit'}<br><small>{escape(limit.field)}: "
        f"{escape(limit.origin)}</small></figcaption></figure>"
    )


def _samples(findings: Findings) -> Iterable[str]:
    yield "<h2>Samples</h2><p>Personal data is masked; harmful text is cut short and its evidence blotted out.</p>"
    yield "<table><tr><th>corpus<th>reason<th>value<th>text"
    for row in sorted(findings.samples.rows, key=lambda row: (row["corpus"], row["reason"] != "kept", row["reason"])):
        value = "" if row["value"] is None else str(row["value"])
        cells = (row["corpus"], row["reason"], value)
        yield "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells)
        yield f"<td><pre>{escape(row['text'])}</pre><small>{escape(row['id'])} {escape(row['source'])}</small>"
    yield "</table>"


def _questions(findings: Findings) -> Iterable[str]:
    if not findings.questions:
        return
    yield "<h2>Benchmark questions in the texts</h2>"
    rows = [[one["id"], one["question"], f"{one['overlap']:.0%}"] for one in findings.questions[:1000]]
    yield _table(["document", "question", "of it"], rows)
