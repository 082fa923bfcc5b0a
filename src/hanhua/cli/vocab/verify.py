"""`vocab-extension verify`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import FORMATS, AsJson, Split, TextField
from hanhua.cli.vocab.options import AnyBase, base_of, texts_by_source

if TYPE_CHECKING:
    from hanhua.vocab_extension.clinic.diagnose import Finding
    from hanhua.vocab_extension.proof.trials import Trial
    from hanhua.vocab_extension.proof.verify import Examination


class Required(str, Enum):
    """What must hold, or the exit code is 1."""

    sound = "sound"
    han_only = "han-only"


Require = Annotated[
    Required | None,
    typer.Option(
        help="What must hold for exit code 0. sound: text without a new token is encoded as before, and every new "
        "token is reached. han-only: what learn promises as well, that only text with Chinese characters changes",
        show_default="sound, or han-only with --certificate, which claims it",
    ),
]
Report = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Also write a report to link to: one .html page, or .md; repeatable"),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="One line if every check holds; else what is broken")]
Certificate = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File for a certificate that a separate small checker can confirm")
]


def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of an extended tokenizer, made by this program or any other")
    ],
    base: AnyBase = None,
    require: Require = None,
    texts: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE…", help=f"Texts to try in addition to the built-in ones: {FORMATS}"),
    ] = None,
    text_field: TextField = "text",
    split: Split = "train",
    certificate: Certificate = None,
    report: Report = None,
    structure_only: Annotated[bool, typer.Option(help="Run only the proof, without trying any text")] = False,
    quiet: Quiet = False,
    llama_cpp: Annotated[bool, typer.Option("--llama-cpp", help="Also compare with llama.cpp")] = False,
    as_json: AsJson = False,
) -> None:
    """Check anybody's extension of a tokenizer against its base; names every fault, and what repair would do.

    First by structure (a proof), then on texts. Sound: old ids, merges and encodings are as they were, and every new
    token is reached. Han only: besides, only text with Chinese characters changes. Exit code 1 unless --require holds.
    """
    from hanhua.cli.printing import print_json
    from hanhua.errors import InvariantError
    from hanhua.vocab_extension.clinic.diagnose import diagnose
    from hanhua.vocab_extension.proof.verify import examine

    _check_reports(report)
    _check_options(structure_only=structure_only, texts=texts, certificate=certificate, llama_cpp=llama_cpp)
    given = texts_by_source(texts, text_field, split)
    require = require or (Required.sound if certificate is None else Required.han_only)
    name, base_folder = base_of(folder, base)
    found = examine(folder, base=base_folder, texts=given, structure_only=structure_only, llama_cpp=llama_cpp)
    faults = diagnose(found.pair)
    _write_reports(report, found, faults, folder, name)
    confirm = _certify(found, certificate) if certificate is not None else None
    if as_json:
        data = examination_as_json(found, folder=folder, base=name)
        data |= {"base_guessed": base is None, "faults": [fault.as_json() for fault in faults]}
        print_json({**data, "confirm_certificate": confirm} if confirm else data)
    else:
        lines = _short_report(found, folder) if quiet else _report(found, folder, require)
        print("\n".join([*lines, *([] if quiet and found.sound else _faults(faults, folder))]))
        if confirm:
            print(f"\n{certificate}: the certificate; to confirm it without this program, run\n  {confirm}")
    failed = found.broken("sound") + (found.broken("han only") if require is Required.han_only else [])
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


def _check_reports(reports: list[Path] | None) -> None:
    from hanhua.errors import InputError, UsageError

    for place in reports or ():
        if place.suffix not in (".html", ".md"):
            raise UsageError(f"{place}: a report is a page, .html, or .md; name it so")
        if not place.absolute().parent.is_dir():
            raise InputError(f"{place.parent}: no such folder to write the report into")


def _write_reports(
    reports: list[Path] | None, found: Examination, faults: list[Finding], folder: Path, base: str
) -> None:
    from hanhua.vocab_extension.clinic.report_page import write_report

    for place in reports or ():
        write_report(found, faults, place, name=folder.name or str(folder), base=Path(base).name)


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
        "sound": found.sound,
        "han_only": found.holds,
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
        yield _verdict(found, folder)
        yield from failure_lines(found.checks)


def _verdict(found: Examination, folder: Path) -> str:
    """Return one line: sound or not, Han only or not."""
    if not found.sound:
        return f"{folder}: NOT SOUND ({', '.join(found.broken('sound'))})"
    if found.holds:
        return f"{folder}: sound, and only text with Chinese characters changes"
    return f"{folder}: sound; other text than Chinese changes as well, where it has a new token"


def _faults(faults: list[Finding], folder: Path) -> Iterator[str]:
    for fault in faults:
        words = fault.kind.en
        yield f"fault: {words.name} ({fault.number:,}): {words.means}"
        yield from (f"  {example}" for example in fault.examples[:3])
        yield f"  repair: {words.cure}"
    if faults:
        yield f"next: vocab-extension repair {folder} --out {folder}-repaired   (--model MODEL moves its rows along)"


def _report(found: Examination, folder: Path, require: Required) -> Iterator[str]:
    from hanhua.vocab_extension.proof.shared_pretokens import shared_pretokens
    from hanhua.vocab_extension.proof.verify import failure_lines

    heads = (("sound", "sound: nothing old changes"), ("han only", "Han only: no other text changes either"))
    for promise, head in heads:
        yield head
        for check in (check for check in found.checks if check.promise == promise):
            how = "proved" if check.proved else "tried"
            wanted = promise == "sound" or require is Required.han_only or not found.sound
            state = "ok     " if check.holds else "BROKEN " if wanted else "no     "
            yield f"{state}{how:7}{check.name}: {check.statement}"
    yield "\n" + _verdict(found, folder)
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
