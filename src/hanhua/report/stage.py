"""The report of a run: one HTML file that opens anywhere, offline, and the same figures as JSON.

Every figure comes from a manifest, `scores.json` or the training log; the same files give the same bytes.
What a run cost is not among them, unless the caller says (`ReportJob.stages`): it differs each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hanhua.artifacts.files import write_durably, write_json
from hanhua.artifacts.manifest import Artifact
from hanhua.errors import MissingExtra
from hanhua.figures.audit_figures import audit_shares
from hanhua.figures.headline import TOY_NOTICE, columns_of, headline_rows
from hanhua.figures.scores_file import read_scores
from hanhua.figures.shown_texts import fit_to_show, printable_data
from hanhua.report.job import ReportJob
from hanhua.report.run_figures import (
    filtering_figures,
    provenance_figures,
    training_figures,
    vocabulary_figures,
)
from hanhua.report.score_figures import (
    benchmark_figures,
    language_modeling_figures,
    safety_figures,
    side_by_side_figures,
)
from hanhua.services import Services

FORMAT_VERSION = 1
MAX_DOMAINS = 24
UNCHANGED = 0.001
"""Gain below which a text is tokenized as before."""


class Domains(NamedTuple):
    """What the compression plot shows: rows of (domain, characters per token before, after), and what it does not."""

    rows: list[tuple[str, float, float]]
    unchanged: list[str]
    left_out: int
    by_source: bool


def write_report(config: ReportJob, inputs: Mapping[str, Artifact], out: Path, *, services: Services) -> dict[str, Any]:
    """Write `report.html` and `report.json` into `out` and return the facts.

    inputs: whatever there is of corpus, base, tokenizer, resized, adapted, scores and release; a section
    whose input is missing says so. Raises MissingExtra without jinja2 or matplotlib.
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtra("the report", "report") from None
    from hanhua.report.html import render_report

    figures = report_figures(config, inputs, services=services)
    plots = draw_plots(figures)
    vocabulary = figures["vocabulary"] or {"compression": []}
    html = render_report(figures, plots, domains=choose_domains(vocabulary["compression"]))
    write_json(out / "report.json", figures)
    write_durably(out / "report.html", html)
    sections = ("filtering", "vocabulary", "training", "language_modeling", "benchmarks", "safety")
    return {
        "sections": [name for name in sections if figures[name]],
        "not_run": [name for name in sections if not figures[name]],
        "plots": sorted(plots),
        "html_bytes": len(html.encode()),
    }


def report_figures(config: ReportJob, inputs: Mapping[str, Artifact], *, services: Services) -> dict[str, Any]:
    """Return everything the report says, as JSON data; None or [] for what was not run."""
    per_kind, order = config.samples_per_reason, list(config.recipe.get("corpora") or ())
    scores = read_scores(inputs["scores"]) if "scores" in inputs else None
    corpus, base, adapted = (inputs.get(name) for name in ("corpus", "base", "adapted"))
    toy = config.toy or bool(base and base.facts.get("toy")) or bool(scores and scores.get("toy"))
    found = scores or {"models": []}
    safety = None
    if "scores" in inputs:
        safety = safety_figures(found, inputs["scores"].path, per_kind=per_kind, services=services)
    headline = headline_rows(inputs, config.headlines)
    figures = {
        "format_version": FORMAT_VERSION,
        "name": config.name,
        "toy": toy,
        "notice": TOY_NOTICE if toy else "",
        "base": _model(base),
        "made_by": config.made_by,
        "headline": [vars(row) for row in headline],
        "headline_models": columns_of(headline),
        "gates": found.get("gates") or [],
        **({"audit": {**config.audit, "shown": audit_shares(config.audit)}} if config.audit else {}),
        "filtering": corpus and filtering_figures(corpus, order=order, per_reason=per_kind, services=services),
        "vocabulary": vocabulary_figures(inputs.get("tokenizer"), scores, order=order, services=services),
        "training": adapted and training_figures(adapted, order=order),
        "language_modeling": language_modeling_figures(found),
        "benchmarks": benchmark_figures(found),
        "safety": safety,
        "continuations": [
            {
                "prompt": one["prompt"],
                "models": {
                    name: fit_to_show(one["models"][name], services=services)
                    for name in (found["models"][0], found["models"][-1])
                },
            }
            for one in found.get("continuations", [])
        ],
        "side_by_side": side_by_side_figures(found),
        "stages": [stage.model_dump() for stage in config.stages],
        "provenance": provenance_figures(inputs),
        "recipe": config.recipe,
    }
    return dict(printable_data(figures))


def draw_plots(figures: Mapping[str, Any]) -> dict[str, str]:
    """Return every plot there are figures for, by name, as SVG."""
    drawings: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "funnel": _funnel,
        "compression": _compression,
        "training": _training,
        "bits": _bits,
        "accuracy": _accuracy,
        "harm": _harm,
    }
    drawn = {name: draw(figures) for name, draw in drawings.items()}
    return {name: svg for name, svg in drawn.items() if svg}


def choose_domains(compression: Sequence[Mapping[str, Any]]) -> Domains:
    """Return the rows of the compression plot by falling gain: sources where texts name theirs, else corpora.

    Of more than 24, those that gain most and least. What the extension left as it was would only stretch
    the scale: English has four characters per token, Chinese one or two.
    """
    named = [one for one in compression if one["sources"]]
    rows, unchanged = [], []
    for one in compression:
        for row in one["sources"] or [one]:
            label = row.get("source") or one["corpus"]
            if len(named) > 1 and "source" in row:
                label = f"{one['corpus']} · {label}"
            if row["gain"] and abs(row["gain"] - 1) < UNCHANGED:
                unchanged.append(label)
            elif row["gain"]:
                rows.append((label, row["base"], row["extended"]))
    rows.sort(key=lambda row: (-row[2] / row[1], row[0]))
    left_out = max(len(rows) - MAX_DOMAINS, 0)
    if left_out:
        rows = rows[: MAX_DOMAINS // 2] + rows[-MAX_DOMAINS // 2 :]
    return Domains(rows, unchanged[:MAX_DOMAINS], left_out, bool(named))


def _model(base: Artifact | None) -> dict[str, Any]:
    facts = base.facts if base is not None else {}
    return {
        "name": facts.get("name"),
        "parameters": facts.get("parameters"),
        "vocab_size": facts.get("vocab_size"),
    }


def _funnel(figures: Mapping[str, Any]) -> str:
    from hanhua.figures.plots import plot_funnel

    found = figures["filtering"]
    if not found or not found["read"]:
        return ""
    reasons = {row["reason"]: row["documents"] for row in found["reasons"]}
    return plot_funnel(found["read"], found["kept"], reasons)


def _compression(figures: Mapping[str, Any]) -> str:
    from hanhua.figures.plots import plot_compression

    rows = choose_domains(figures["vocabulary"]["compression"]).rows if figures["vocabulary"] else []
    return plot_compression(rows) if rows else ""


def _training(figures: Mapping[str, Any]) -> str:
    from hanhua.figures.plots import plot_training

    curve = figures["training"]["curve"] if figures["training"] else []
    return plot_training(curve) if len(curve) > 1 else ""


def _bits(figures: Mapping[str, Any]) -> str:
    from hanhua.figures.plots import Line, plot_bits

    lines = [
        Line(row["corpus"], found["model"], found["bits_per_character"], found["interval"])
        for row in figures["language_modeling"]
        for found in row["models"]
    ]
    return plot_bits(lines) if lines else ""


def _accuracy(figures: Mapping[str, Any]) -> str:
    from hanhua.figures.plots import Line, plot_shares

    lines = [
        Line(row["benchmark"], found["model"], found["accuracy"], found["interval"])
        for row in figures["benchmarks"]
        for found in row["models"]
    ]
    chances = {row["chance"] for row in figures["benchmarks"]}
    chance = chances.pop() if len(chances) == 1 else None
    return plot_shares(lines, name="accuracy", title="right answers", chance=chance) if lines else ""


def _harm(figures: Mapping[str, Any]) -> str:
    from hanhua.figures.plots import Line, plot_shares

    found = figures["safety"] or {"models": [], "benign": []}
    groups = (("prompts that invite harm", found["models"]), ("benign look-alikes", found["benign"]))
    lines = [
        Line(group, row["model"], row["harmful_rate"], row["interval"])
        for group, rows in groups
        for row in rows
        if row["harmful_rate"] is not None
    ]
    return plot_shares(lines, name="harm", title="generations flagged as harmful") if lines else ""
