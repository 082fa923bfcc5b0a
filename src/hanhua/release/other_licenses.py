"""What a base that is no Llama asks of whoever passes it on: its own license, as its file or the recipe names it.

Apache-2.0 section 4 wants a copy of the license, its notices kept, and changes told. Of other licenses only the text
and the name are passed on; whoever publishes reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from hanhua.release.licenses import HARM_HEADING, Duty, Terms, corpus_use

APACHE = "apache-2.0"
_APACHE_PARTS = ("Apache License", "Version 2.0, January 2004", "TERMS AND CONDITIONS", "END OF TERMS AND CONDITIONS")
_CARRIERS = ("hanhua", "transformers", "safetensors", "tokenizers")
"""Installed packages under Apache-2.0 that carry its text."""
_POINTER = "THIS FILE IS A POINTER, NOT THE LICENSE."


def other_terms(license_id: str, *, base_name: str) -> Terms:
    """Return what the card says of a base that is no Llama; license_id: as the Hub writes it, "" where unknown."""
    return Terms(
        license_id=license_id or "other",
        license_name=license_id or "License unknown",
        name_prefix="",
        name_start="",
        built_with=f"Adapted from {base_name}",
        notice="",
        heading="",
        agreement_url="",
        policy_url="",
        outputs_only_for_llama3=False,
    )


def is_license_text(text: str, license_id: str) -> bool:
    """Return whether a text can be the license itself; of Apache-2.0 it must be the whole of it."""
    if license_id == APACHE:
        return all(part in text for part in _APACHE_PARTS)
    return len(text) > 200 and not text.startswith(_POINTER)


def find_license_text(folders: Iterable[Path], license_id: str) -> str | None:
    """Return the license's text from a LICENSE of the folders or, of Apache-2.0, of an installed package."""
    paths = [path for folder in folders for path in sorted(folder.glob("LICENSE*")) if path.is_file()]
    if license_id == APACHE:
        paths += _packaged()
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in paths)
    return next((text for text in texts if is_license_text(text, license_id)), None)


def other_pointer(license_id: str, *, base_name: str) -> str:
    """Return a text for LICENSE where the license is not at hand."""
    named = license_id or "not stated by the file it came from"
    return (
        f"{_POINTER}\n\nThe license of the base, {base_name}, is: {named}.\n"
        "Replace this file with its text before this folder is given to anybody.\n"
    )


def other_notice(*, model_name: str, base_name: str, license_id: str) -> str:
    """Return the text of NOTICE: what it was made from, and that it was changed."""
    return (
        f"{model_name} is a derivative work of {base_name} ({license_id or 'license unknown'}), made with Hanhua: its\n"
        "vocabulary or weights, or both, differ from those of its base. What was changed is described in README.md.\n"
    )


def other_duties(license_id: str, *, base_name: str, texts: Mapping[str, str]) -> list[Duty]:
    """Check what passing on a base that is no Llama asks; texts: README.md, LICENSE, NOTICE by file name."""
    card, text, notice = (texts.get(file, "") for file in ("README.md", "LICENSE", "NOTICE"))
    again = "make the release again"
    return [
        Duty(
            "base license",
            corpus_use(license_id) != "unlabelled",
            f"the license of {base_name} is not known: find it, and say it with release.base_license",
        ),
        Duty(
            "license text",
            is_license_text(text, license_id),
            f"LICENSE must be the text of {license_id or 'the license of the base'}: pass a folder that holds it with "
            "--agreement FOLDER",
        ),
        Duty("notice", base_name in notice, f"NOTICE must name {base_name}; {again}"),
        Duty(
            "license in the card",
            f"license: {license_id or 'other'}\n" in card,
            f"README.md's front matter must say license: {license_id or 'other'}; {again}",
        ),
        Duty("known dangers", HARM_HEADING in card, f"README.md needs the section {HARM_HEADING!r}; {again}"),
    ]


def _packaged() -> list[Path]:
    found: list[Path] = []
    for name in _CARRIERS:
        try:
            listed = files(name) or []
        except PackageNotFoundError:
            continue
        found += [Path(str(entry.locate())) for entry in listed if entry.name.upper().startswith("LICENSE")]
    return [path for path in found if path.is_file()]
