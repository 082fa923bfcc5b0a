"""What a run ends with on the console: the headline table, what was filtered, and where everything is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hanhua.artifacts.kinds import KIND_OF_STAGE, Stage
from hanhua.artifacts.manifest import Artifact
from hanhua.progress import duration
from hanhua.recipes.headline import COLUMNS, STAND_IN_NOTICE, Row, columns_of, headline_rows, kept_by_reason
from hanhua.recipes.runner import RunResult
from hanhua.tables import table_text


def run_summary(result: RunResult) -> dict[str, Any]:
    """Return a run's figures and paths as plain data."""
    named = by_name(result.artifacts)
    read, kept, reasons = kept_by_reason(named)
    return {
        "run": str(result.root),
        "seconds": round(result.seconds, 1),
        "made": list(result.made),
        "stand_in": bool("base" in named and named["base"].facts.get("stand_in")),
        "headline": [vars(row) for row in headline_rows(named)],
        "documents": {"read": read, "kept": kept, "rejected": reasons},
        "masked": _masked(named),
        "paths": _paths(named),
        "artifacts": {stage: artifact.content_hash for stage, artifact in result.artifacts.items()},
    }


def by_name(artifacts: Mapping[Stage, Artifact]) -> dict[str, Artifact]:
    """Return a run's artifacts by kind (`corpus`, `tokenizer`, `adapted`, …) instead of by stage."""
    return {KIND_OF_STAGE[stage]: artifact for stage, artifact in artifacts.items()}


def summary_text(summary: Mapping[str, Any]) -> str:
    """Return the summary as people read it."""
    parts: list[str] = []
    if summary["headline"]:
        rows = [Row(**row) for row in summary["headline"]]
        models = columns_of(rows)
        heads = ("", *(COLUMNS[model] for model in models), "")
        parts.append(table_text(heads, [_cells(row, models) for row in rows]))
    documents = summary["documents"]
    if documents["read"]:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in documents["rejected"].items())
        line = f"documents  {documents['read']:,} in → {documents['kept']:,} kept"
        parts.append(f"{line}; rejected: {reasons}" if reasons else line)
    if summary["masked"]:
        parts.append("masked  " + ", ".join(f"{tag} {count:,}" for tag, count in summary["masked"].items()))
    if summary["stand_in"]:
        parts.append(STAND_IN_NOTICE)
    if summary["paths"]:
        parts.append("\n".join(f"{name:<14} {path}" for name, path in summary["paths"].items()))
    if summary["seconds"]:
        made = ", ".join(summary["made"]) or "nothing: all of it was already done"
        parts.append(f"made in {duration(summary['seconds'])}: {made}")
    return "\n\n".join(parts)


def _cells(row: Row, models: Sequence[str]) -> tuple[str, ...]:
    def shown(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:.1%}" if row.unit == "share" else f"{value:.3f}"

    return (row.label, *(shown(getattr(row, model)) for model in models), row.note)


def _masked(named: Mapping[str, Artifact]) -> dict[str, int]:
    counts: dict[str, int] = {}
    if "corpus" in named:
        for corpus in named["corpus"].facts["corpora"].values():
            for tag, count in corpus["masked"].items():
                counts[tag] = counts.get(tag, 0) + count
    return counts


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
