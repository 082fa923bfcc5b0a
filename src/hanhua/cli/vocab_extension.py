"""`vocab-extension`: new Chinese tokens for a Llama 3 tokenizer, proved harmless, and rows for them in a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from typer.core import TyperCommand

from hanhua.cli.entry import run_command

if TYPE_CHECKING:
    from hanhua.vocab_extension.learn import Learned
    from hanhua.vocab_extension.measure import Measure
    from hanhua.vocab_extension.texts import TextFiles

_MANY = ("--corpus", "--texts")


class ManyFiles(TyperCommand):
    """A command whose `--corpus` and `--texts` take every word up to the next option: `--corpus a.txt b.txt`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values, as click wants it."""
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


app = typer.Typer(
    name="vocab-extension",
    help="New Chinese tokens for a Llama 3 tokenizer: learned from your texts, proved harmless, with rows in the model."
    " Text without Chinese characters is encoded exactly as before.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

_FORMATS = ".jsonl, .json, .txt, .parquet, also .gz or .zst; a folder, a glob, or hf://datasets/ID"
Base = Annotated[
    str, typer.Option(metavar="BASE", help="A folder, a Hub id, or llama3: Meta's own tokenizer, without the Hub")
]
TextField = Annotated[str, typer.Option(metavar="NAME", help="Field of a record that holds its text")]
Split = Annotated[str, typer.Option(metavar="NAME", help="Split of a Hub data set")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]


@app.command(
    cls=ManyFiles,
    epilog="Example: vocab-extension learn --base llama3 --corpus texts/*.jsonl.zst --new-tokens 8000 --out llama3-zh",
)
def learn(
    corpus: Annotated[list[str], typer.Option(metavar="FILE…", help=f"Chinese texts: {_FORMATS}")],
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
    with _new_folder(out) as partial:
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


@app.command(
    cls=ManyFiles, epilog="Example: vocab-extension verify llama3-zh --base llama3 --texts english.txt code.jsonl"
)
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An extended tokenizer, ours or anybody's")],
    base: Base = "llama3",
    texts: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option(metavar="FILE…", help=f"Texts to try besides the built-in ones: {_FORMATS}"),
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

    checks = verify_extension(folder, base=resolve_base_tokenizer(base), texts=_texts(texts, text_field, split))
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


@app.command(cls=ManyFiles, epilog="Example: vocab-extension measure llama3 llama3-zh --texts news.jsonl novel.txt")
def measure(
    folders: Annotated[list[str], typer.Argument(metavar="DIR…", help="Tokenizers: folders, Hub ids, or llama3")],
    texts: Annotated[list[str], typer.Option(metavar="FILE…", help=f"Texts to measure on: {_FORMATS}")],
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
    rows = measure_all(subjects, _texts(texts, text_field, split))
    if as_json:
        from hanhua.cli.printing import print_json

        print_json([row.as_json() for row in rows])
    else:
        _print_measures(rows)


@app.command(epilog="Example: vocab-extension resize --model Meta-Llama-3-8B --tokenizer llama3-zh --out Llama-3-8B-zh")
def resize(
    model: Annotated[Path, typer.Option(metavar="MODEL", help="A Hugging Face folder with safetensors weights")],
    tokenizer: Annotated[Path, typer.Option(metavar="DIR", help="The extended tokenizer")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the resized model")],
    init: Annotated[str, typer.Option(metavar="METHOD", help="mean, calibrated, gaussian or random")] = "mean",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of gaussian and random")] = 0,
    as_json: AsJson = False,
) -> None:
    """Give a model rows for the new tokens; every old row and every other tensor keeps its bytes.

    One shard at a time, without loading the model: a 70B fits a laptop, if its disk holds a second copy.
    """
    from pydantic import ValidationError

    from hanhua.errors import UsageError
    from hanhua.vocab_extension.config import InitialiseConfig
    from hanhua.vocab_extension.resize import resize_folder

    try:
        config = InitialiseConfig.model_validate({"method": init, "seed": seed})
    except ValidationError:
        raise UsageError(f"--init {init}: unknown method; one of mean, calibrated, gaussian, random") from None
    with _new_folder(out) as partial:
        done = resize_folder(model, tokenizer=tokenizer, out=partial, config=config)
    facts = {
        "out": str(out),
        "vocab_size": done.vocab_size,
        "first_new_id": done.first_new_id,
        "method": done.method,
        "tied": done.tied,
        "untrained": {name: len(ids) for name, ids in done.untrained.items()},
    }
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(facts)
    else:
        print(f"{out}: {done.first_new_id:,} → {done.vocab_size:,} rows, new ones by {done.method}")
        print(f"next: hanhua train --help   (the new rows know nothing yet: train on Chinese text from {out})")


def main() -> None:
    """Run the program."""
    sys.exit(run_command(app))


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Work in `DIR.partial` and rename it when all is done; refuse to touch what is not ours."""
    import shutil

    from hanhua.errors import InputError

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not empty; name a new folder, or remove it first")
    partial = out.with_name(out.name + ".partial")
    if partial.exists():
        if not (partial / "work").is_dir():
            raise InputError(f"{partial}: in the way, and not left by an interrupted run; remove or rename it")
        shutil.rmtree(partial)
    (partial / "work").mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    shutil.rmtree(partial / "work")
    if out.exists():
        out.rmdir()
    partial.rename(out)


def _texts(patterns: list[str] | None, text_field: str, split: str) -> Mapping[str, TextFiles]:
    from hanhua.vocab_extension.texts import TextFiles, sources_of

    return {source: TextFiles((source,), text_field, split) for source in sources_of(patterns or ())}


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


if __name__ == "__main__":
    main()
