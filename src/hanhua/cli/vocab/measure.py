"""`vocab-extension measure`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from hanhua.cli.vocab.options import FORMATS, AsJson, Split, TextField, texts_by_source

if TYPE_CHECKING:
    from hanhua.vocab_extension.measure import Measure


def measure(
    folders: Annotated[list[str], typer.Argument(metavar="DIR…", help="Tokenizers: folders, Hub ids, or llama3")],
    texts: Annotated[list[str], typer.Option(metavar="FILE…", help=f"Texts to measure on: {FORMATS}")],
    base: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="BASE", help="Measured as well; where an extension begins that has no extension.json"),
    ] = None,
    text_field: TextField = "text",
    split: Split = "train",
    as_json: AsJson = False,
) -> None:
    """Measure tokenizers side by side, file by file: characters and bytes per token, share of new tokens used."""
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.vocab_extension.measure import measure as measure_all
    from hanhua.vocab_extension.measure import open_subject

    subjects = []
    base_size = None
    if base is not None:
        subjects.append(open_subject(resolve_base_tokenizer(base), name=base))
        base_size = subjects[0].tokenizer.get_vocab_size()
    for folder in folders:
        subjects.append(open_subject(resolve_base_tokenizer(folder), name=folder, base_size=base_size))
    rows = measure_all(subjects, texts_by_source(texts, text_field, split))
    if as_json:
        from hanhua.cli.printing import print_json

        print_json([row.as_json() for row in rows])
    else:
        _print_measures(rows)


def _print_measures(rows: list[Measure]) -> None:
    from hanhua.cli.printing import print_table

    heads = ("texts", "tokenizer", "documents", "characters", "tokens", "characters/token", "bytes/token", "new used")
    table = [
        (
            row.texts,
            row.tokenizer,
            f"{row.documents:,}",
            f"{row.characters:,}",
            f"{row.tokens:,}",
            f"{row.characters_per_token:.3f}",
            f"{row.bytes_per_token:.3f}",
            "" if row.new_tokens_used is None else f"{row.new_tokens_used:.1%}",
        )
        for row in rows
    ]
    print_table(heads, table)
