"""`vocab-extension learn`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.vocab.options import FORMATS, AsJson, Base, Split, TextField, new_folder

if TYPE_CHECKING:
    from hanhua.vocab_extension.learn import Learned
    from hanhua.vocab_extension.measure import Measure
    from hanhua.vocab_extension.texts import TextFiles


def learn(
    corpus: Annotated[list[str], typer.Option(metavar="FILE…", help=f"Chinese texts: {FORMATS}")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the extended tokenizer")],
    base: Base = "llama3",
    new_tokens: Annotated[
        int, typer.Option(metavar="N", min=256, help="Tokens to add; rounded down to keep a multiple of 256")
    ] = 8000,
    min_count: Annotated[int, typer.Option(metavar="N", min=2, help="A new token was met this often …")] = 3,
    min_documents: Annotated[int, typer.Option(metavar="N", min=1, max=32, help="… in so many documents")] = 2,
    max_characters: Annotated[int, typer.Option(metavar="N", min=1, max=16, help="Longest new token")] = 4,
    text_field: TextField = "text",
    split: Split = "train",
    as_json: AsJson = False,
) -> None:
    """Learn new tokens from Chinese texts and write the extended tokenizer.

    2% of the documents are held out and not learned from; the table shows characters per token on those.
    The folder loads in plain transformers, and is verified before it is there.
    """
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.vocab_extension.config import VocabExtensionConfig
    from hanhua.vocab_extension.texts import TextFiles, sources_of

    config = VocabExtensionConfig(
        new_tokens=new_tokens,
        min_count=min_count,
        min_documents=min_documents,
        max_token_characters=max_characters,
    )
    sources = sources_of(corpus)
    folder = resolve_base_tokenizer(base)
    with new_folder(out) as partial:
        texts = TextFiles(sources, text_field, split, held_out=False)
        learned, verified = _learn_into(partial, config, texts, folder)
        rows = _measured(folder, partial, TextFiles(sources, text_field, split, held_out=True))
        facts = _learn_facts(learned, rows, verified, partial)
        _write_manifest(partial, config=config, base=folder, sources=sources, facts=facts)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(facts)
    else:
        _print_learned(facts, learned, base=base, out=out)


def _learn_into(partial: Path, config: Any, texts: TextFiles, base: Path) -> tuple[Learned, dict[str, str]]:
    from hanhua.recipes.wiring import junk_test
    from hanhua.vocab_extension.extend import write_extended
    from hanhua.vocab_extension.learn import learn_tokens
    from hanhua.vocab_extension.tokenizer_json import read_bpe_file
    from hanhua.vocab_extension.verify import raise_if_broken, verify_extension

    learned = learn_tokens(texts, base=base, config=config, junk=junk_test())
    write_extended(read_bpe_file(base), learned.tokens, partial)
    return learned, raise_if_broken(verify_extension(partial, base=base))


def _measured(base: Path, new: Path, held_out: TextFiles) -> list[Measure]:
    from hanhua.vocab_extension.measure import measure as measure_all
    from hanhua.vocab_extension.measure import open_subject

    subjects = [open_subject(base, name="base"), open_subject(new, name="extended")]
    return measure_all(subjects, {"held out": held_out})


def _learn_facts(learned: Learned, rows: list[Measure], verified: dict[str, str], out: Path) -> dict[str, Any]:
    from hanhua.artifacts.files import read_json
    from hanhua.vocab_extension.extend import EXTENSION_JSON

    head = read_json(out / EXTENSION_JSON)
    ratios = {row.tokenizer: round(row.characters_per_token, 4) for row in rows if row.documents}
    return {
        "requested": learned.requested,
        "new_tokens": head["new_tokens"],
        "first_new_id": head["first_new_id"],
        "vocab_size": head["vocab_size"],
        "documents": learned.documents,
        "characters": learned.characters,
        "heldout_documents": rows[0].documents,
        "compression": {"heldout": {"all": ratios}} if ratios else {},
        "dropped": learned.dropped,
        "verify": verified,
    }


def _write_manifest(folder: Path, *, config: Any, base: Path, sources: tuple[str, ...], facts: dict[str, Any]) -> None:
    from hanhua.artifacts.files import sha256_of
    from hanhua.artifacts.manifest import library_versions, write_manifest

    inputs = {source: sha256_of(Path(source)) for source in sources if Path(source).is_file()}
    inputs["base"] = sha256_of(base / "tokenizer.json")
    versions = library_versions(("tokenizers", "transformers"))
    write_manifest(folder, kind="tokenizer", config=config, inputs=inputs, facts=facts, versions=versions)


def _print_learned(facts: dict[str, Any], learned: Learned, *, base: str, out: Path) -> None:
    from hanhua.cli.printing import print_table

    ratios = facts["compression"].get("heldout", {}).get("all")
    rows = [
        ("base", f"{facts['first_new_id']:,}", f"{ratios['base']:.3f}" if ratios else "", ""),
        (
            "extended",
            f"{facts['vocab_size']:,}",
            f"{ratios['extended']:.3f}" if ratios else "",
            f"{ratios['extended'] / ratios['base']:.2f}×" if ratios else "",
        ),
    ]
    print_table(("tokenizer", "tokens", "characters per token", "gain"), rows)
    held = f"{facts['heldout_documents']:,} documents held out (2%), never learned from"
    print(held if ratios else "no document fell into the 2% held out; measure on texts of your own")
    first = "  ".join(token.text for token in learned.tokens[:12])
    print(f"first new tokens: {first}")
    print(f"next: vocab-extension resize --model MODEL --tokenizer {out} --out MODEL-zh")
    print(f"      vocab-extension verify {out} --base {base} --texts FILE…   (verified already on built-in texts)")
