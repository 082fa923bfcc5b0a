"""`vocab-extension explore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hanhua.cli.options import AsJson
from hanhua.cli.vocab.options import AnyBase, base_of


def explore(
    tokenizer: Annotated[
        str, typer.Argument(metavar="TOKENIZER", help="Folder of an extended tokenizer, a Hub id, or one in a package")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="New .html file; it needs no server and no network")],
    base: AnyBase = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page: any text in base and extended tokens side by side, and all new tokens to search.

    The page encodes by itself, as the tokenizers library does, and shows which new tokens a text uses, what each is
    made of, its neighbors, and the rare ones. In English and Chinese, light and dark.
    """
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.errors import InputError, UsageError
    from hanhua.packaged_tokenizers import PACKAGED
    from hanhua.vocab_extension.explore.page import write_page

    if out.suffix != ".html":
        raise UsageError(f"{out}: the page is HTML; name it {out.name}.html")
    if not out.absolute().parent.is_dir():
        raise InputError(f"{out.parent}: no such folder to write the page into")
    folder = resolve_base_tokenizer(tokenizer)
    name, base_folder = base_of(folder, base or (tokenizer if tokenizer in PACKAGED else None))
    done = write_page(folder, base=base_folder, out=out, name=Path(tokenizer).name, base_name=Path(name).name)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json({"out": str(out), "new_tokens": done.new_tokens, "size_bytes": done.size_bytes})
    else:
        print(f"{out}: {done.new_tokens:,} new tokens, {done.size_bytes / 1e6:,.1f} MB; open it in any browser")
