"""`vocab-extension verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from hanhua.cli.vocab.options import FORMATS, AsJson, Base, Split, TextField, texts_by_source


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An extended tokenizer, ours or anybody's")],
    base: Base = "llama3",
    texts: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option(metavar="FILE…", help=f"Texts to try besides the built-in ones: {FORMATS}"),
    ] = None,
    text_field: TextField = "text",
    split: Split = "train",
    as_json: AsJson = False,
) -> None:
    """Check that an extension changed nothing it must not: every check, and everything that is broken.

    By structure first (a proof that text without Han is encoded as before), then by trying. Exit code 1 when
    anything is broken.
    """
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.errors import InvariantError
    from hanhua.vocab_extension.verify import failure_lines, verify_extension

    checks = verify_extension(
        folder, base=resolve_base_tokenizer(base), texts=texts_by_source(texts, text_field, split)
    )
    if as_json:
        from hanhua.cli.printing import print_json

        shown = [
            {"check": c.name, "holds": c.holds, "statement": c.statement, "broken": c.number, "problems": c.problems}
            for c in checks
        ]
        print_json({"folder": str(folder), "base": base, "ok": all(c.holds for c in checks), "checks": shown})
    else:
        for check in checks:
            print(f"{'ok     ' if check.holds else 'BROKEN '}{check.name}: {check.statement}")
        broken = failure_lines(checks)
        if broken:
            print("\n" + "\n".join(broken))
    failed = [check.name for check in checks if not check.holds]
    if failed:
        raise InvariantError(f"{folder}: {len(failed)} of {len(checks)} checks are broken: {', '.join(failed)}")
