"""`vocab-extension measure`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.options import FORMATS, AsJson, Plot, Split, TextField
from hanhua.cli.vocab.options import texts_by_source

if TYPE_CHECKING:
    from hanhua.vocab_extension.measuring.bootstrap import Interval
    from hanhua.vocab_extension.measuring.measure import Measure, Subject

_MAX_TEXTS, _MAX_TOKENIZER = 24, 16


def measure(
    folders: Annotated[
        list[str], typer.Argument(metavar="DIR…", help="Tokenizers to compare: folders, Hub ids, or llama3")
    ],
    texts: Annotated[list[str], typer.Option(metavar="FILE…", help=f"Texts to measure on: {FORMATS}")],
    base: Annotated[
        str | None,
        typer.Option(
            metavar="BASE",
            help="Base tokenizer, measured first; its size tells new tokens apart where extension.json is missing",
        ),
    ] = None,
    text_field: TextField = "text",
    split: Split = "train",
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Compare tokenizers per file and per language: characters and bytes per token, gain, share of new tokens used.

    The gain is over the first tokenizer. Intervals are 95%, over documents. The language is detected from each
    document's own characters: zh-Hans, zh-Hant, zh (mixed, or too short to tell), ja, ko, latin, code, other.
    """
    from hanhua.vocab_extension.measuring.measure import measure_with_languages

    if plot is not None:
        from hanhua.vocab_extension.measuring.figures import check_plot

        check_plot(plot)
    subjects = open_subjects(folders, base=base)
    rows = measure_with_languages(subjects, texts_by_source(texts, text_field, split))
    if plot is not None:
        from hanhua.vocab_extension.measuring.figures import draw_measures

        draw_measures(rows, plot)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json([row.as_json() for row in rows])
    else:
        _print_measures(rows)


def open_subjects(folders: list[str], *, base: str | None) -> list[Subject]:
    """Return the tokenizers to measure, the base first where there is one."""
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.vocab_extension.measuring.measure import open_subject
    from hanhua.vocab_extension.tokenizer_json import say_limits

    subjects = []
    base_size = None
    if base is not None:
        base_folder = resolve_base_tokenizer(base)
        say_limits(base_folder)
        subjects.append(open_subject(base_folder, name=base))
        base_size = subjects[0].tokenizer.get_vocab_size()
    for name in folders:
        folder = resolve_base_tokenizer(name)
        say_limits(folder)
        subjects.append(open_subject(folder, name=name, base_size=base_size))
    return subjects


def _print_measures(rows: list[Measure]) -> None:
    from hanhua.cli.printing import print_table

    heads = ("tokenizer", "documents", "characters/token", "bytes/token", "gain", "new used")
    for by in ("file", "language"):
        table = [
            (
                _end_of(row.texts, _MAX_TEXTS) if by == "file" else row.texts,
                _end_of(row.tokenizer, _MAX_TOKENIZER),
                f"{row.documents:,}",
                _with_interval(row.characters_per_token, row.characters_per_token_interval),
                f"{row.bytes_per_token:.3f}",
                _with_interval(row.gain, row.gain_interval),
                _share(row.new_tokens_used, row.new_tokens_used_interval),
            )
            for row in rows
            if row.by == by
        ]
        if table:
            print_table((by, *heads), table)
            print()
    print("characters per token and gain with their 95% intervals over documents; gain: over the first tokenizer")


def _with_interval(value: float, interval: Interval | None) -> str:
    return f"{value:.3f} ({interval[0]:.3f}–{interval[1]:.3f})" if interval else f"{value:.3f}"


def _share(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return ""
    return f"{value:.1%} ±{50 * (interval[1] - interval[0]):.1f}" if interval else f"{value:.1%}"


def _end_of(name: str, limit: int) -> str:
    """Return a path's last part, cut at the front to `limit` characters."""
    last = Path(name).name or name
    return last if len(last) <= limit else "…" + last[1 - limit :]
