"""`vocab-extension`: adds Chinese tokens to a Llama 3 tokenizer and rows for them to a model."""

from __future__ import annotations

import sys

import typer

from hanhua.cli.entry import run_command
from hanhua.cli.options import HELP, program
from hanhua.cli.vocab.explore import explore
from hanhua.cli.vocab.export import export
from hanhua.cli.vocab.learn import learn
from hanhua.cli.vocab.measure import measure
from hanhua.cli.vocab.options import ManyFiles
from hanhua.cli.vocab.probe import probe
from hanhua.cli.vocab.repair import repair
from hanhua.cli.vocab.resize import resize
from hanhua.cli.vocab.sweep import sweep
from hanhua.cli.vocab.verify import verify

app = typer.Typer(
    name="vocab-extension",
    help="Adds Chinese tokens, learned from your texts, to a Llama 3 tokenizer, and rows for them to a model."
    " Text without Chinese characters is encoded exactly as before.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings=HELP,
)
app.callback()(program)

app.command(
    cls=ManyFiles,
    epilog="Example: vocab-extension learn --base llama3 --corpus texts/*.jsonl.zst --new-tokens 8000 --out llama3-zh",
)(learn)
app.command(
    cls=ManyFiles, epilog="Example: vocab-extension verify llama3-zh --base llama3 --texts english.txt code.jsonl"
)(verify)
app.command(epilog="Example: vocab-extension repair their-zh --model their-model --out their-model-repaired")(repair)
app.command(cls=ManyFiles, epilog="Example: vocab-extension measure llama3 llama3-zh --texts news.jsonl novel.txt")(
    measure
)
app.command(epilog="Example: vocab-extension resize --model Meta-Llama-3-8B --tokenizer llama3-zh --out Llama-3-8B-zh")(
    resize
)
app.command(
    cls=ManyFiles,
    epilog="Example: vocab-extension probe --model Meta-Llama-3-8B --tokenizer llama3-zh --corpus texts/*.jsonl.zst",
)(probe)
app.command(
    cls=ManyFiles,
    epilog="Example: vocab-extension sweep --base llama3 --corpus texts/*.jsonl.zst --sizes 4096,8192,16384,32768"
    " --texts news.jsonl --budget-mb 2000 --model 8b",
)(sweep)
app.command(epilog="Example: vocab-extension explore llama3-zh --out llama3-zh.html")(explore)
app.command(epilog="Example: vocab-extension export Llama-3-8B-zh --format gguf --dtype f16 --out llama-3-8b-zh.gguf")(
    export
)


def main() -> None:
    """Run the program."""
    sys.exit(run_command(app))


if __name__ == "__main__":
    main()
