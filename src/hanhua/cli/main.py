"""`hanhua`: runs recipes and single stages. Heavy imports are deferred until a command runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hanhua.cli import chat as chat_cli
from hanhua.cli import eval as eval_cli
from hanhua.cli import evidence as evidence_cli
from hanhua.cli import filter as filter_cli
from hanhua.cli import find_lr as find_lr_cli
from hanhua.cli import init as init_cli
from hanhua.cli import plan as plan_cli
from hanhua.cli import publish as publish_cli
from hanhua.cli import restore as restore_cli
from hanhua.cli import runs as runs_cli
from hanhua.cli import synthesize as synthesize_cli
from hanhua.cli import train as train_cli
from hanhua.cli import view as view_cli
from hanhua.cli.entry import run_command
from hanhua.cli.options import HELP, AsJson, Overrides, RecipeName, Runs, Strict, Until, program
from hanhua.cli.printing import print_json, print_table
from hanhua.cli.stages import stage_named
from hanhua.cli.vocab.options import ManyFiles

ORDER = (
    *(
        "init",
        "recipes",
        "validate",
        "plan",
        "run",
        "status",
        "view",
        "report",
        "compare",
        "reproduce",
        "publish",
        "clean",
    ),
    *("filter", "synthesize", "train", "find-lr", "eval", "evidence", "restore", "chat", "doctor"),
)
"""Commands as they are listed: the way of a recipe from its first line to the Hub, then the stages on their own."""


class InOrderOfUse(TyperGroup):
    """A group whose help lists its commands in ORDER."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands; what ORDER lacks comes last."""
        return sorted(super().list_commands(ctx), key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    name="hanhua",
    cls=InOrderOfUse,
    help="Hanhua (汉化): adapts open Llama 3 checkpoints to Chinese.",
    epilog="Start with: hanhua run quickstart",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings=HELP,
)
app.callback()(program)
recipes_app = typer.Typer(help="The recipes that come with Hanhua.", rich_markup_mode=None)
app.add_typer(recipes_app, name="recipes")
app.add_typer(filter_cli.app, name="filter")
app.command("synthesize", epilog=synthesize_cli.EXAMPLE)(synthesize_cli.synthesize)
app.command("train", epilog=train_cli.EXAMPLE)(train_cli.train)
app.command("find-lr", epilog=find_lr_cli.EXAMPLE)(find_lr_cli.find_lr)
app.command("evidence", epilog=evidence_cli.EXAMPLE)(evidence_cli.evidence)
app.command("eval", epilog=eval_cli.EXAMPLE)(eval_cli.evaluate)
app.command("restore", cls=ManyFiles, epilog=restore_cli.EXAMPLE)(restore_cli.restore)
app.command("chat", epilog=chat_cli.EXAMPLE)(chat_cli.chat)
app.command(epilog="Example: hanhua status runs/quickstart --watch")(runs_cli.status)
app.command(epilog="Example: hanhua clean runs/quickstart --delete")(runs_cli.clean)
app.command(epilog="Example: hanhua report runs/quickstart")(runs_cli.report)
app.command(epilog="Example: hanhua compare runs/Llama-3-8B-zh runs/Llama-3-8B-zh-no-extension")(runs_cli.compare)
app.command(epilog="Example: hanhua reproduce runs/quickstart")(runs_cli.reproduce)
app.command("init", epilog=init_cli.EXAMPLE)(init_cli.init)
app.command("plan", epilog=plan_cli.EXAMPLE)(plan_cli.plan)
app.command("publish", epilog=publish_cli.EXAMPLE)(publish_cli.publish)
app.command("view", epilog=view_cli.EXAMPLE)(view_cli.view)


@app.command(epilog="Example: hanhua run quickstart -s corpora.zh.path=my_texts.jsonl.zst")
def run(
    recipe: RecipeName,
    overrides: Overrides = None,
    runs: Runs = Path("runs"),
    until: Until = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="STAGE", help="Start at this stage; earlier stages must be finished for this recipe"
        ),
    ] = None,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe end to end; finished stages that have not changed are reused."""
    from hanhua.launched import rank
    from hanhua.pipeline.recipe.load import find_recipe, load_recipe
    from hanhua.pipeline.runner import check_gates
    from hanhua.pipeline.runner import run as run_recipe
    from hanhua.pipeline.summary import run_summary, summary_text

    loaded = load_recipe(find_recipe(recipe), overrides or ())
    result = run_recipe(loaded, runs=runs, until=stage_named(until), from_=stage_named(from_), strict=strict)
    if rank():
        return  # only the process of rank 0 prints
    summary = run_summary(result)
    if as_json:
        print_json(summary)
    else:
        print(summary_text(summary))
    check_gates(result.artifacts)


@app.command(epilog="Example: hanhua validate my_recipe.yaml")
def validate(recipe: RecipeName, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """List all mistakes in a recipe at once, each with line and column; also what a run would only find out later.

    Looks at the base's folder, at the first record of each corpus, and at whether training fits the hardware.
    """
    from hanhua.errors import RecipeError
    from hanhua.pipeline.recipe.load import find_recipe, load_recipe
    from hanhua.pipeline.recipe.readiness import READINESS

    try:
        loaded = load_recipe(find_recipe(recipe), overrides or (), checks=READINESS)
    except RecipeError as error:
        if not as_json:
            raise
        print_json({"valid": False, "mistakes": error.mistakes})
        raise typer.Exit(error.exit_code) from None
    if as_json:
        print_json({"valid": True, "recipe": loaded.recipe.model_dump(mode="json"), "origins": loaded.origins()})
    else:
        print(f"{loaded.path}: valid")


@recipes_app.callback(invoke_without_command=True)
def recipes(context: typer.Context, as_json: AsJson = False) -> None:
    """List the shipped recipes."""
    if context.invoked_subcommand is not None:
        return
    from hanhua.pipeline.recipe.shipped import shipped_recipes

    rows = [(name, _first_comment(path)) for name, path in shipped_recipes().items()]
    if as_json:
        print_json([{"name": name, "about": about} for name, about in rows])
    else:
        print_table(("recipe", "about"), rows)


@recipes_app.command("show", epilog="Example: hanhua recipes show quickstart")
def show_recipe(
    name: str,
    resolved: Annotated[bool, typer.Option("--resolved", help="Include inherited values and all defaults")] = False,
) -> None:
    """Print a shipped recipe as written or, with --resolved, any recipe with inherited values and defaults."""
    if not resolved:
        print(_shipped(name).read_text(encoding="utf-8"), end="")
        return
    import yaml

    from hanhua.pipeline.recipe.load import find_recipe, load_recipe

    data = load_recipe(find_recipe(name)).recipe.model_dump(mode="json")
    print(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), end="")


@recipes_app.command("schema", epilog="Example: hanhua recipes schema > recipe.schema.json")
def show_schema() -> None:
    """Print the recipe's JSON schema, for editors."""
    from hanhua.pipeline.recipe.json_schema import recipe_json_schema

    print_json(recipe_json_schema())


@recipes_app.command("reference", epilog="Example: hanhua recipes reference > docs/configuration.md")
def show_reference(
    language: Annotated[str, typer.Option(metavar="en|zh", help="Language of the page: en or zh")] = "en",
) -> None:
    """Print every key of a recipe, with type, default and meaning, as Markdown."""
    from hanhua.pipeline.recipe.reference import reference_markdown

    print(reference_markdown("zh" if language == "zh" else "en"), end="")


@recipes_app.command("copy", epilog="Example: hanhua recipes copy quickstart my_recipe.yaml")
def copy_recipe(name: str, to: Path) -> None:
    """Copy a shipped recipe for editing; paths in it are rewritten to stay valid."""
    from hanhua.errors import UsageError
    from hanhua.pipeline.recipe.copying import rewritten_for

    if to.exists():
        raise UsageError(f"{to}: exists already; choose another name")
    to.write_text(rewritten_for(_shipped(name), to), encoding="utf-8")
    print(to)


@app.command(epilog="Example: hanhua doctor")
def doctor(as_json: AsJson = False) -> None:
    """Show what this machine has: Python, libraries, optional extras, memory, disk."""
    from hanhua.pipeline.planning.doctor import diagnosis

    found = diagnosis()
    if as_json:
        print_json(found)
    else:
        print_table(("what", "found"), [(name, str(value)) for name, value in found.items()])


def _shipped(name: str) -> Path:
    from hanhua.cli.printing import closest
    from hanhua.errors import UsageError
    from hanhua.pipeline.recipe.shipped import shipped_recipes

    found = shipped_recipes()
    if name not in found:
        raise UsageError(f"no shipped recipe {name!r}{closest(name, found)}; available: {', '.join(found)}")
    return found[name]


def _first_comment(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()


def main() -> None:
    """Run the program."""
    sys.exit(run_command(app))


if __name__ == "__main__":
    main()
