"""`vocab-extension verify`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import FORMATS, AsJson, Base, Split, TextField
from hanhua.cli.vocab.options import texts_by_source

if TYPE_CHECKING:
    from hanhua.vocab_extension.proof.trials import Trial
    from hanhua.vocab_extension.proof.verify import Examination


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="One line if every check holds; else what is broken")]
Certificate = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File for a certificate that a separate small checker can confirm")
]


def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of an extended tokenizer, made by this program or any other")
    ],
    base: Base = "llama3",
    texts: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE…", help=f"Texts to try in addition to the built-in ones: {FORMATS}"),
    ] = None,
    text_field: TextField = "text",
    split: Split = "train",
    certificate: Certificate = None,
    structure_only: Annotated[bool, typer.Option(help="Run only the proof, without trying any text")] = False,
    quiet: Quiet = False,
    llama_cpp: Annotated[bool, typer.Option("--llama-cpp", help="Also compare with llama.cpp")] = False,
    as_json: AsJson = False,
) -> None:
    """Check that an extension changes only the encoding of text with Chinese characters; reports every failure.

    First by structure (a proof that text without Han is encoded as before), then on texts; last, how much Japanese
    and Korean text with Han changes, which no extension can avoid. Exit code 1 if a check fails.
    """
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.errors import InvariantError
    from hanhua.vocab_extension.proof.verify import examine

    _check_options(structure_only=structure_only, texts=texts, certificate=certificate, llama_cpp=llama_cpp)
    given = texts_by_source(texts, text_field, split)
    base_folder = resolve_base_tokenizer(base)
    found = examine(folder, base=base_folder, texts=given, structure_only=structure_only, llama_cpp=llama_cpp)
    confirm = _certify(found, certificate) if certificate is not None else None
    if as_json:
        from hanhua.cli.printing import print_json

        data = examination_as_json(found, folder=folder, base=base)
        print_json({**data, "confirm_certificate": confirm} if confirm else data)
    else:
        print("\n".join(_short_report(found, folder) if quiet else _report(found)))
        if confirm:
            print(f"\n{certificate}: the certificate; to confirm it without this program, run\n  {confirm}")
    failed = [check.name for check in found.checks if not check.holds]
    if failed:
        raise InvariantError(f"{folder}: {len(failed)} of {len(found.checks)} checks are broken: {', '.join(failed)}")


def _check_options(*, structure_only: bool, texts: list[str] | None, certificate: Path | None, llama_cpp: bool) -> None:
    from hanhua.errors import InputError, UsageError

    if structure_only and (texts or llama_cpp):
        raise UsageError("--structure-only tries no text: remove it, or remove --texts and --llama-cpp")
    if certificate is not None and not certificate.absolute().parent.is_dir():
        raise InputError(f"{certificate.parent}: no such folder to write the certificate into")
    if llama_cpp:
        _need_llama_cpp()


def _need_llama_cpp() -> None:
    from hanhua.vocab_extension.export.gguf_vocabulary import check_gguf_installed
    from hanhua.vocab_extension.proof.llama_cpp_parity import check_llama_cpp_installed

    check_gguf_installed()
    check_llama_cpp_installed()


def _certify(found: Examination, out: Path) -> str:
    from hanhua.vocab_extension.proof.certificate import checker_command, write_certificate

    write_certificate(found, out)
    return checker_command(found, out)


def examination_as_json(found: Examination, *, folder: Path, base: str) -> dict[str, Any]:
    """Return every check and every trial as JSON data."""
    return {
        "folder": str(folder),
        "base": base,
        "ok": found.holds,
        "new_tokens": len(found.pair.new_tokens),
        "checks": [check.as_json() for check in found.checks],
        "texts": [trial.as_json() for trial in found.trials],
        "without_han_bytes": sum(trial.without_han_bytes for trial in found.trials),
    }


def _short_report(found: Examination, folder: Path) -> Iterator[str]:
    from hanhua.vocab_extension.proof.verify import failure_lines

    if found.holds:
        proved = sum(check.proved for check in found.checks)
        yield f"{folder}: all {len(found.checks)} checks hold, {proved} of them proved"
    else:
        yield from failure_lines(found.checks)


def _report(found: Examination) -> Iterator[str]:
    from hanhua.vocab_extension.proof.shared_pretokens import shared_pretokens
    from hanhua.vocab_extension.proof.verify import failure_lines

    for check in found.checks:
        how = "proved" if check.proved else "tried"
        yield f"{'ok     ' if check.holds else 'BROKEN '}{how:7}{check.name}: {check.statement}"
    yield "\n" + shared_pretokens(found.pair).sentence()
    if found.trials:
        size = sum(trial.without_han_bytes for trial in found.trials)
        yield f"\n{size / 1e6:,.2f} MB of text without Han compared id by id"
        yield from _given_texts(found.trials)
        yield "what changes, unavoidably: Japanese and Korean text with Han characters"
        yield from _other_languages(found.trials)
    broken = failure_lines(found.checks)
    if broken:
        yield "\n" + "\n".join(broken)


def _given_texts(trials: tuple[Trial, ...]) -> Iterator[str]:
    for trial in trials:
        ratio = f", encoded at {trial.speed_ratio:.2f}× the base's speed" if trial.speed_ratio else ""
        size, without = trial.all.bytes / 1e6, trial.without_han_bytes / 1e6
        yield f"  {trial.name}: {size:,.2f} MB, {without:,.2f} without Han{ratio}"


def _other_languages(trials: tuple[Trial, ...]) -> Iterator[str]:
    for trial in trials:
        for language, count in (("Japanese", trial.japanese), ("Korean", trial.korean)):
            if count.bytes and not trial.name.startswith("built-in samples"):
                tokens = f"{count.base_tokens:,} → {count.extended_tokens:,} tokens ({count.fewer:.1%} fewer)"
                yield f"  {trial.name}: {tokens} over {count.bytes:,} bytes in {language}"
