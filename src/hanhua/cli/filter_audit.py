"""`hanhua filter audit`: precision and recall of a filtering run, from a sample of its verdicts judged by hand."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hanhua.cli.filter_label import open_page
from hanhua.cli.filter_options import Languages, Preset, Workers, filtering_config, named_corpora
from hanhua.cli.label_options import AuditFolder, Browser, Count, JudgeName, Port, RunOrCorpora, Sampled
from hanhua.cli.options import AsJson, ConfigFile, TextField

if TYPE_CHECKING:
    from hanhua.documents.sources import CorpusConfig
    from hanhua.filtering.config import FilteringConfig

EXAMPLE = "Example: hanhua filter audit runs/quickstart; and in its recipe: report: {audit: runs/quickstart/audit}"
MEANINGS = {
    "precision": "of the rejected, unwanted",
    "recall": "of the unwanted, rejected",
    "good_lost": "of the good, rejected",
    "left": "of the kept, unwanted",
}


def audit(
    corpora: RunOrCorpora,
    out: AuditFolder = None,
    count: Count = 200,
    documents: Sampled = 10_000,
    name: JudgeName = None,
    preset: Preset = None,
    language: Languages = None,
    text_field: TextField = "text",
    config: ConfigFile = None,
    workers: Workers = None,
    port: Port = 0,
    browser: Browser = True,
    as_json: AsJson = False,
) -> None:
    """Judge a sample of what the filter kept and rejected, without seeing which is which.

    It gives the filter's precision and recall with 95% intervals, and writes them to audit.json. Copies are not looked
    for: a text is judged as if it were the only one.
    """
    from hanhua.filtering.audit.sitting import Audit
    from hanhua.filtering.labeling.page import Page, serve_page
    from hanhua.filtering.labeling.session import begin

    run = _run_folder(corpora)
    if run is not None:
        settings, named = _of_run(run)
        out = out or run / "audit"
    else:
        settings = filtering_config(config, {"preset": preset})
        named = named_corpora(corpora, language or (), license_="", text_field=text_field)
    if out is None:
        from hanhua.errors import UsageError

        raise UsageError("name a folder for the judgements with --out")
    begin(out, named, settings, documents=documents, workers=workers)
    sitting = Audit(out, judge=name or getpass.getuser(), count=count)
    if sitting.waiting:
        page = Page(sitting, lambda: ("", False))
        serve_page(page, port=port, opened=lambda address: open_page(address, browser))
    figures = sitting.write()
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(figures)
    else:
        _print_figures(figures, out, waiting=len(sitting.waiting))


def _run_folder(corpora: list[str]) -> Path | None:
    from hanhua.pipeline.lock_file import LOCK

    return Path(corpora[0]) if len(corpora) == 1 and (Path(corpora[0]) / LOCK).is_file() else None


def _of_run(run: Path) -> tuple[FilteringConfig, dict[str, CorpusConfig]]:
    """Return the settings and corpora a run was filtered with."""
    from hanhua.filtering.config import FilteringConfig
    from hanhua.pipeline.lock_file import locked_recipe

    recipe = locked_recipe(run).recipe
    config: FilteringConfig | None = recipe.section("filtering")
    return config or FilteringConfig(preset="none"), dict(recipe.corpora)


def _print_figures(figures: dict[str, Any], out: Path, *, waiting: int) -> None:
    from hanhua.cli.printing import print_table

    print(
        f"{figures['judged']:,} of {figures['documents']:,} documents judged"
        + (f"; {waiting:,} to go" if waiting else "")
    )
    rows = []
    for key, meaning in MEANINGS.items():
        one = figures[key]
        shown = ("—", "") if one is None else (f"{one['value']:.1%}", f"{one['low']:.1%} to {one['high']:.1%}")
        rows.append((key.replace("_", " "), *shown, meaning))
    print_table(("", "share", "95% interval", ""), rows)
    print()
    heads = ("verdict", "documents", "judged", "unwanted")
    print_table(heads, [(row["reason"], *(f"{row[key]:,}" for key in heads[1:])) for row in figures["reasons"]])
    print(f"\nfor report and card: {out / 'audit.json'}")
