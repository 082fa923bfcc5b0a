"""Shared by the commands of `vocab-extension`: options with many values, sources, a folder renamed when done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from hanhua.cli.output import require_new

if TYPE_CHECKING:
    from hanhua.vocab_extension.texts import TextFiles

_MANY = ("--corpus", "--texts", "--required-characters", "--weight", "--word-lists", "--max-read", "--search")


AnyBase = Annotated[
    str | None,
    typer.Option(
        metavar="BASE",
        help="The tokenizer it was made from: a folder, a Hub id, or one in a package, such as llama3 (default: found "
        "among those in packages)",
    ),
]


class ManyFiles(TyperCommand):
    """A command whose `--corpus` and `--texts` take all arguments up to the next option: `--corpus a.txt b.txt`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values, as click requires."""
        spread: list[str] = []
        current, first = "", False
        for word in args:
            if word.startswith("-") and word != "-":
                current, first = (word if word in _MANY else ""), True
            elif current and not first:
                spread.append(current)
            else:
                first = False
            spread.append(word)
        return super().parse_args(ctx, spread)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Work in `DIR.partial` and rename it when done; refuse a folder that no interrupted run of ours left."""
    import shutil

    from hanhua.errors import InputError

    require_new(out)
    partial = out.with_name(out.name + ".partial")
    if partial.exists():
        if not (partial / "work").is_dir():
            raise InputError(f"{partial}: exists, and was not left by an interrupted run; remove or rename it")
        shutil.rmtree(partial)
    (partial / "work").mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    shutil.rmtree(partial / "work", ignore_errors=True)
    if out.exists():
        out.rmdir()
    partial.rename(out)


def texts_by_source(patterns: list[str] | None, text_field: str, split: str) -> Mapping[str, TextFiles]:
    """Return the texts of each source, by its name."""
    from hanhua.vocab_extension.texts import TextFiles, sources_of

    return {source: TextFiles((source,), text_field, split) for source in sources_of(patterns or (), split=split)}


def base_of(folder: Path, base: str | None) -> tuple[str, Path]:
    """Return the name and folder of an extension's base, guessed where none is named."""
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.progress import say

    if base is not None:
        return base, resolve_base_tokenizer(base)
    from hanhua.vocab_extension.clinic.base_guess import guess_base

    guess = guess_base(folder)
    say(
        f"base: {guess.name}, of which {folder} has {guess.share:.1%} of the tokens at their ids (--base names another)"
    )
    return guess.name, guess.folder
