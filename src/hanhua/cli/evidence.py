"""`hanhua evidence`: a preregistered comparison of arms on the same bytes of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import AsJson, Overrides
from hanhua.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from hanhua.experiments.evidence.recipe import EvidenceRecipe

EXAMPLE = "Example: hanhua evidence quickstart --out runs/does-it-pay"


def evidence(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="Recipe of a comparison, a YAML file; quickstart is one that comes along"
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the comparison, shared by all processes (default: runs/NAME)"),
    ] = None,
    overrides: Overrides = None,
    status: Annotated[bool, typer.Option("--status", help="Only say how far it is; nothing is run")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare arms on the same bytes of text: write down what is claimed, run every arm with every seed, judge once.

    Run the same command again to resume; run it in several processes or on several machines to share the arms.
    """
    from hanhua.experiments.evidence.comparison import PAGE, compare_arms, how_far

    loaded = load_evidence(_file_of(recipe), overrides or ())
    folder = Path("runs") / loaded.name if out is None else out
    if status:
        far = how_far(loaded, folder)
        if as_json:
            print_json(vars(far))
        else:
            left = "" if far.left_seconds is None else f", about {far.left_seconds / 60:.0f} min left"
            print(f"{far.done} of {far.total} runs are finished, {far.at_work} at work{left}")
        return
    verdict = compare_arms(loaded, folder)
    if as_json:
        print_json(verdict)
    else:
        _show(verdict)
        print(f"page: {folder / PAGE}")
    if verdict["void"]:
        raise typer.Exit(1)


def load_evidence(path: Path, overrides: Sequence[str] = ()) -> EvidenceRecipe:
    """Read a recipe of a comparison; RecipeError lists every mistake with its line and column."""
    from hanhua.experiments.evidence.recipe import EvidenceRecipe
    from hanhua.pipeline.recipe.config_file import read_config, set_override
    from hanhua.pipeline.recipe.source_positions import read_tree

    tree = read_tree(path)
    for override in overrides:
        set_override(tree, override)
    return read_config(tree, EvidenceRecipe, section="")


def _file_of(recipe: str) -> Path:
    from hanhua.pipeline.recipe.shipped import shipped_folder

    shipped = shipped_folder() / recipe / "evidence.yaml"
    return shipped if not Path(recipe).is_file() and shipped.is_file() else Path(recipe)


def _show(verdict: Mapping[str, Any]) -> None:
    rows = []
    for name, arm in verdict["arms"].items():
        for language, found in arm["languages"].items():
            low, high = found["difference"]["interval"]
            difference = "" if name == verdict["reference"] else f"{found['difference']['share']:+.2%}"
            interval = "" if name == verdict["reference"] else f"{low:+.2%} to {high:+.2%}"
            said = "" if name == verdict["reference"] else found["verdict"]
            rows.append([name, language, f"{found['bits_per_byte']:.4f}", difference, interval, said])
    print_table(("arm", "text", "bits per byte", f"against {verdict['reference']}", "95% interval", ""), rows)
    for name, one in verdict["placebos"].items():
        print(f"placebo {name}: {'no difference' if one['no_difference'] else 'a difference'}")
    if verdict["failed"]:
        print(f"broke off: {', '.join(verdict['failed'])}")
    if verdict["void"]:
        print("void: a placebo arm differs or broke off, so nothing is shown")
