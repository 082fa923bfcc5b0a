"""Shared by the commands of `vocab-extension`: options with many values, sources, a folder renamed when done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from hanhua.cli.output import require_new

if TYPE_CHECKING:
    from hanhua.vocab_extension.texts import TextFiles

_MANY = ("--corpus", "--texts", "--required-characters", "--weight", "--max-read", "--search")


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
