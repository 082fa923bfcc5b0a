"""`vocab-extension repair`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.options import AsJson
from hanhua.cli.vocab.options import AnyBase, base_of, new_folder

if TYPE_CHECKING:
    from hanhua.vocab_extension.clinic.repair import Repaired


def repair(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of an extended tokenizer, made by any program")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the repaired tokenizer, or model")],
    base: AnyBase = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Model that was trained with this tokenizer; its rows are moved along"),
    ] = None,
    han_only: Annotated[
        bool, typer.Option("--han-only", help="Also drop new tokens that can occur in text without Chinese characters")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Mend an extended tokenizer, with the rows of its model, and say what it cost.

    Old ids, merges and settings become the base's again; new tokens keep their order behind them; tokens that no merge
    can make are dropped. What comes out is verified before it gets its name; repair.json there lists all that moved.
    """
    from hanhua.base.model_source import model_source
    from hanhua.vocab_extension.clinic.repair import repair_folder

    _, base_folder = base_of(folder, base)
    model_folder = model_source(model) if model is not None else None
    with new_folder(out) as partial:
        done = repair_folder(folder, base=base_folder, out=partial, model=model_folder, han_only=han_only)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json({"out": str(out), **done.as_json()})
    else:
        print("\n".join(_lines(done, out, has_model=model is not None)))


def _lines(done: Repaired, out: Path, *, has_model: bool) -> Iterator[str]:
    for finding in done.found:
        yield f"{finding.kind.name} ({finding.number:,}): {finding.kind.en.cure}"
    if not done.found:
        yield "no fault was found"
    cost = done.cost()
    verdict = "sound, and only text with Chinese characters changes" if done.after.holds else "sound"
    lost = f"{cost['tokens_dropped']:,} dropped, {cost['merges_added']:,} merges added"
    yield f"{out}: {cost['new_tokens']:,} new tokens, {lost}; {verdict}"
    for dropped in done.mended.dropped[:5]:
        from hanhua.vocab_extension.proof.pair import shown

        yield f"  dropped {shown(dropped.token)} (id {dropped.old_id}): {dropped.why}"
    if cost["tokens_between"]:
        between = cost["tokens_between"]
        said = "token was" if between == 1 else "tokens were"
        yield f"{between:,} {said} put in between, so that merges make the flat ones"
    moved = cost["base_rows_moved"] + cost["new_rows_moved"]
    if moved and has_model:
        yield f"{moved:,} rows moved, {cost['rows_copied_twice']:,} copied twice; {cost['vocab_size']:,} rows"
    elif moved:
        yield f"{moved:,} ids have another token now; name the model that was trained with the old ones with --model"
    yield f"all that moved: {out / 'repair.json'}"
