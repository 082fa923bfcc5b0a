"""Two runs compared: settings, artifacts and figures that differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.fingerprint import difference
from hanhua.artifacts.manifest import Artifact
from hanhua.figures.headline import Row, columns_of, headline_rows
from hanhua.pipeline.lock_file import LOCK, read_lock
from hanhua.pipeline.stages import stage_names
from hanhua.pipeline.status import open_latest, read_run
from hanhua.pipeline.summary import by_name, headlines
from hanhua.tables import table_text


@dataclass(frozen=True)
class FigureOfBoth:
    """One figure of the last model of each run, a restored one before an adapted one; None: not measured there."""

    label: str
    first: float | None
    second: float | None
    unit: str

    @property
    def change(self) -> float | None:
        """The second less the first."""
        return None if self.first is None or self.second is None else self.second - self.first


@dataclass(frozen=True)
class RunsCompared:
    """What differs. settings: `key: first → second`; artifacts: same, different or only in one, by stage."""

    first: str
    second: str
    settings: tuple[str, ...]
    artifacts: Mapping[str, str]
    figures: tuple[FigureOfBoth, ...]
    same_texts: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "figures": [{**asdict(figure), "change": figure.change} for figure in self.figures]}


def compare_runs(first: Path, second: Path) -> RunsCompared:
    """Compare two runs by their lock files and artifacts. Raises InputError for a folder that is no run."""
    artifacts = [open_latest(run) for run in (first, second)]
    kinds = {
        stage: _same(artifacts[0].get(stage), artifacts[1].get(stage))
        for stage in stage_names()
        if any(stage in made for made in artifacts)
    }
    corpora = [made.get("filtering") for made in artifacts]
    return RunsCompared(
        first=str(first),
        second=str(second),
        settings=tuple(difference(_settings(first), _settings(second))),
        artifacts=kinds,
        figures=tuple(_figures(*artifacts)),
        same_texts=None not in corpora and len({corpus.content_hash for corpus in corpora if corpus}) == 1,
    )


def _settings(run: Path) -> dict[str, Any]:
    recipe: dict[str, Any] = read_lock(run)["recipe"] if (run / LOCK).is_file() else read_run(run)["recipe"]
    # What it is called and where it was to run decide no figure.
    return {key: value for key, value in recipe.items() if key not in ("name", "hardware")}


def _same(first: Artifact | None, second: Artifact | None) -> str:
    if first is None or second is None:
        return "only in the " + ("second" if first is None else "first")
    return "same" if first.content_hash == second.content_hash else "different"


def _figures(first: Mapping[str, Artifact], second: Mapping[str, Artifact]) -> list[FigureOfBoth]:
    rows = [{row.label: row for row in headline_rows(by_name(made), headlines())} for made in (first, second)]
    counts = [_counts(made) for made in (first, second)]
    figures = []
    for label in dict.fromkeys([*rows[0], *rows[1]]):
        first_row, second_row = rows[0].get(label), rows[1].get(label)
        unit = (first_row or rows[1][label]).unit
        figures.append(FigureOfBoth(label, _last(first_row), _last(second_row), unit))
    counted = dict.fromkeys([*counts[0], *counts[1]])
    return figures + [FigureOfBoth(label, counts[0].get(label), counts[1].get(label), "number") for label in counted]


def _counts(made: Mapping[str, Artifact]) -> dict[str, float]:
    """Return what is known of a run even without an evaluation."""
    found: dict[str, float] = {}
    if "filtering" in made:
        found["documents kept"] = sum(corpus["kept"] for corpus in made["filtering"].facts["corpora"].values())
    if "vocab_extension" in made:
        facts = made["vocab_extension"].facts
        found["new tokens"] = facts["new_tokens"]
        for corpus, ratios in facts.get("compression", {}).get("heldout", {}).items():
            found[f"characters per token, tokenizer, {corpus}"] = ratios["extended"]
    if "continued_pretrain" in made:
        facts = made["continued_pretrain"].facts
        found |= {"tokens trained on": facts["tokens"], "loss at the end of training": facts["last_loss"]}
    return found


def _last(row: Row | None) -> float | None:
    values = [] if row is None else [row.values[model] for model in columns_of([row])]
    return values[-1] if values else None


def comparison_text(found: RunsCompared) -> str:
    """Return a comparison as text."""
    settings = "\n".join(f"  {line}" for line in found.settings) or "  none"
    parts = [f"settings that differ, {found.first} → {found.second}:\n{settings}"]
    parts.append(table_text(("stage", "artifact"), [(str(stage), state) for stage, state in found.artifacts.items()]))
    if found.figures:
        heads = ("", "first", "second", "change")
        parts.append(table_text(heads, [_cells(figure) for figure in found.figures]))
    if found.figures and not found.same_texts:
        parts.append("the corpora differ, so figures of held-out text are of different texts")
    return "\n\n".join(parts)


def _cells(figure: FigureOfBoth) -> tuple[str, str, str, str]:
    def shown(value: float | None, sign: str = "") -> str:
        if value is None:
            return "–"
        if figure.unit in ("share", "change"):
            return format(value, f"{sign}.1%")
        return format(value, f"{sign},.0f" if value == int(value) and figure.unit == "number" else f"{sign}.3f")

    return figure.label, shown(figure.first), shown(figure.second), shown(figure.change, "+")
