"""A run's summary on the console: the headline table, what was filtered, and the paths of its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hanhua.artifacts.manifest import Artifact
from hanhua.figures.corpus_figures import masked_by_kind
from hanhua.figures.headline import TOY_NOTICE, Row, columns_of, headline_rows, kept_by_reason, shown_figure
from hanhua.figures.run_models import in_order, label_of
from hanhua.figures.shown_texts import printable
from hanhua.pipeline.runner import RunResult
from hanhua.pipeline.stages import kind_of, stages
from hanhua.progress import duration
from hanhua.tables import table_text


def run_summary(result: RunResult) -> dict[str, Any]:
    """Return a run's figures and paths as plain data."""
    named = by_name(result.artifacts)
    read, kept, reasons = kept_by_reason(named)
    return {
        "run": str(result.root),
        "seconds": round(result.seconds, 1),
        "made": list(result.made),
        "toy": bool("base" in named and named["base"].facts.get("toy")),
        "headline": [vars(row) for row in headline_rows(named, headlines())],
        "documents": {"read": read, "kept": kept, "rejected": reasons},
        "continuations": named["scores"].facts.get("continuations", []) if "scores" in named else [],
        "masked": masked_by_kind(named["corpus"].facts) if "corpus" in named else {},
        "paths": _paths(named),
        "artifacts": {stage: artifact.content_hash for stage, artifact in result.artifacts.items()},
    }


def by_name(artifacts: Mapping[str, Artifact]) -> dict[str, Artifact]:
    """Return a run's artifacts by kind (`corpus`, `tokenizer`, `adapted`, …) instead of by stage."""
    return {kind_of(stage): artifact for stage, artifact in artifacts.items()}


def headlines() -> dict[str, str]:
    """Return kind → the function that says what an artifact adds to a run's table, as the stages declare it."""
    return {stage.makes: stage.headline for stage in stages() if stage.headline}


def summary_text(summary: Mapping[str, Any]) -> str:
    """Return the summary as text."""
    parts: list[str] = []
    if summary["headline"]:
        rows = [Row(**row) for row in summary["headline"]]
        models = columns_of(rows)
        heads = ("", *(label_of(model) for model in models), "")
        parts.append(table_text(heads, [_cells(row, models) for row in rows]))
    parts += [_continued(one) for one in summary.get("continuations", [])]
    documents = summary["documents"]
    if documents["read"]:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in documents["rejected"].items())
        line = f"documents  {documents['read']:,} in → {documents['kept']:,} kept"
        parts.append(f"{line}; rejected: {reasons}" if reasons else line)
    if summary["masked"]:
        parts.append("masked  " + ", ".join(f"{tag} {count:,}" for tag, count in summary["masked"].items()))
    if summary["toy"]:
        parts.append(TOY_NOTICE)
    if summary["paths"]:
        parts.append("\n".join(f"{name:<14} {path}" for name, path in summary["paths"].items()))
    if summary["seconds"]:
        made = ", ".join(summary["made"]) or "nothing: all of it was already done"
        parts.append(f"made in {duration(summary['seconds'])}: {made}")
    return "\n\n".join(parts)


def _continued(one: Mapping[str, Any]) -> str:
    """Return one beginning and how the first model and the last, base and adapted, go on with it."""
    models = in_order(one["models"])
    lines = [f"  {label_of(m):<18} {printable(' '.join(one['models'][m].split()))}" for m in (models[0], models[-1])]
    return "\n".join([printable(one["prompt"]), *lines])


def _cells(row: Row, models: Sequence[str]) -> tuple[str, ...]:
    def cell(model: str) -> str:
        value, *ends = (shown_figure(v, row.unit) for v in (row.values.get(model), *(row.intervals.get(model) or ())))
        return f"{value} [{', '.join(ends)}]" if ends else value

    return (row.label, *map(cell, models), row.note)


def _paths(named: Mapping[str, Artifact]) -> dict[str, str]:
    paths = {}
    if "tokenizer" in named:
        paths["tokenizer"] = str(named["tokenizer"].path)
    if "adapted" in named:
        paths["adapted model"] = str(named["adapted"].path / "model")
    if "restored" in named:
        paths["restored model"] = str(named["restored"].path / "model")
    if "release" in named:
        paths["release folder"] = str(named["release"].path)
    if "report" in named:
        paths["report"] = str(named["report"].path / "report.html")
    return paths
