"""`hanhua filter`: the filtering stage, and its harmful-content filter, without a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.filter_audit import EXAMPLE as AUDIT_EXAMPLE
from hanhua.cli.filter_audit import audit
from hanhua.cli.filter_cluster import cluster
from hanhua.cli.filter_harm import score, train_harm
from hanhua.cli.filter_judge import EXAMPLE as JUDGE_EXAMPLE
from hanhua.cli.filter_judge import judge
from hanhua.cli.filter_label import EXAMPLE as LABEL_EXAMPLE
from hanhua.cli.filter_label import label
from hanhua.cli.filter_options import (
    Benchmarks,
    Conversion,
    Corpora,
    HeldoutRatio,
    Languages,
    License,
    Pii,
    Preset,
    Workers,
    filtering_config,
    named_corpora,
)
from hanhua.cli.filter_quality import train_quality
from hanhua.cli.options import AsJson, ConfigFile, TextField
from hanhua.cli.output import finish, require_new

if TYPE_CHECKING:
    from hanhua.documents.sources import CorpusConfig
    from hanhua.filtering.config import FilteringConfig

app = typer.Typer(
    help="Clean text: rules, duplicates, personal data, harmful content; every rejection has a reason.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command(epilog="Example: hanhua filter score answers.jsonl --text-field answer --json > scores.jsonl")(score)
app.command("train-harm", epilog="Example: hanhua filter train-harm labeled.jsonl --benign news.jsonl --out spam")(
    train_harm
)
app.command(
    "train-quality", epilog="Example: hanhua filter train-quality --good books.jsonl --bad spam.jsonl --out mine"
)(train_quality)
app.command(epilog="Example: hanhua filter cluster zh=texts/ --executor ray --tasks 64 --out parts")(cluster)
app.command(epilog=JUDGE_EXAMPLE)(judge)
app.command(epilog=LABEL_EXAMPLE)(label)
app.command(epilog=AUDIT_EXAMPLE)(audit)


@app.command(epilog="Example: hanhua filter run zh=texts/*.jsonl.zst en=books.txt --language en=en --out clean")
def run(
    corpora: Corpora,
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the corpus")],
    preset: Preset = None,
    heldout_ratio: HeldoutRatio = None,
    language: Languages = None,
    license_: License = "",
    text_field: TextField = "text",
    pii: Pii = None,
    benchmark: Benchmarks = None,
    convert: Conversion = None,
    config: ConfigFile = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Filter corpora into one folder: documents with their split, and samples of what was rejected."""
    named = named_corpora(corpora, language or (), license_=license_, text_field=text_field)
    given = {
        "preset": preset,
        "heldout_ratio": heldout_ratio,
        "workers": workers,
        "pii.mode": pii,
        "decontamination.benchmarks": benchmark or None,
        "text.convert": convert,
    }
    settings = filtering_config(config, given)
    facts = filter_into(out, settings, named)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(facts)
    else:
        _print_facts(facts, out)


def filter_into(out: Path, config: FilteringConfig, corpora: dict[str, CorpusConfig]) -> dict[str, Any]:
    """Filter into `DIR.partial` and rename it when done, so that `out` is always finished."""
    from hanhua.artifacts.files import sha256_of
    from hanhua.filtering.stage import filter_corpora
    from hanhua.services import Services

    require_new(out)
    partial = out.with_name(out.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    facts = filter_corpora(config, corpora, partial, services=Services())
    inputs = {str(path): sha256_of(path) for corpus in corpora.values() for path in corpus.files()}
    finish("filtering", partial, config=config, inputs=inputs, facts=facts)
    if out.exists():
        out.rmdir()
    partial.rename(out)
    return facts


def _print_facts(facts: dict[str, Any], out: Path) -> None:
    from hanhua.cli.printing import print_table
    from hanhua.figures.corpus_figures import masked_by_kind

    heads = ("corpus", "read", "kept", "train", "held out", "characters")
    keys = ("read", "kept", "train", "heldout", "characters_kept")
    print_table(heads, [(name, *(f"{one[key]:,}" for key in keys)) for name, one in facts["corpora"].items()])
    if facts["reasons"]:
        print()
        print_table(("rejected for", "documents"), [(reason, f"{n:,}") for reason, n in facts["reasons"].items()])
    masked = masked_by_kind(facts)
    if masked:
        print("\nmasked: " + ", ".join(f"{count:,} {tag}" for tag, count in masked.items()))
    print(f"\ncorpus: {out}\nreport: {out / 'report' / 'filtering.html'}")


def main() -> None:
    """Run the program."""
    import sys

    from hanhua.cli.entry import run_command

    sys.exit(run_command(lambda: app(standalone_mode=False)))


if __name__ == "__main__":
    main()
