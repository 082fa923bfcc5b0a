"""What the Llama licenses require for distributing a model, and what a corpus's license allows.

Sources: the Community License Agreements of Llama 3 (April 18, 2024), 3.1 (July 23, 2024), 3.2
(September 25, 2024) and 3.3 (December 6, 2024), sections 1.b.i to 1.b.v of each. The texts themselves are
not part of this package; a release takes its copy from the base model's folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Literal

from hanhua.release.agreements import changed_sections

Family = Literal["3", "3.1", "3.2", "3.3"]
CorpusUse = Literal["open", "non-commercial", "unlabelled"]

TEXTS = Path(__file__).parent / "texts"
HARM_HEADING = "## Harmful output"


@dataclass(frozen=True)
class Terms:
    """The duties of one base family. `name_start` is a pattern the model's name must begin with."""

    license_id: str
    license_name: str
    name_prefix: str
    name_start: str
    built_with: str
    notice: str
    heading: str
    agreement_url: str
    policy_url: str
    outputs_only_for_llama3: bool


def _later(version: str, site: str) -> Terms:
    path = "llama" + version.replace(".", "_")
    return Terms(
        license_id=f"llama{version}",
        license_name=f"Llama {version} Community License",
        name_prefix=f"Llama-{version}-",
        name_start=r"Llama",
        built_with="Built with Llama",
        notice=f"Llama {version} is licensed under the Llama {version} Community License, "
        "Copyright © Meta Platforms, Inc. All Rights Reserved.",
        heading=f"LLAMA {version} COMMUNITY LICENSE AGREEMENT",
        agreement_url=f"{site}/{path}/license/",
        policy_url=f"{site}/{path}/use-policy",
        outputs_only_for_llama3=False,
    )


TERMS: dict[Family, Terms] = {
    "3": Terms(
        license_id="llama3",
        license_name="Meta Llama 3 Community License",
        name_prefix="Llama-3-",
        # Repository names have no spaces; `Llama-3.1-…` on a Llama 3 base would name another license.
        name_start=r"Llama[ -]3(?![.\d])",
        built_with="Built with Meta Llama 3",
        notice="Meta Llama 3 is licensed under the Meta Llama 3 Community License, "
        "Copyright © Meta Platforms, Inc. All Rights Reserved.",
        heading="META LLAMA 3 COMMUNITY LICENSE AGREEMENT",
        agreement_url="https://llama.meta.com/llama3/license/",
        policy_url="https://llama.meta.com/llama3/use-policy",
        outputs_only_for_llama3=True,
    ),
    "3.1": _later("3.1", "https://llama.meta.com"),
    "3.2": _later("3.2", "https://www.llama.com"),
    "3.3": _later("3.3", "https://www.llama.com"),
}


@dataclass(frozen=True)
class Duty:
    """One duty: whether it is met, and what to do when it is not."""

    name: str
    met: bool
    remedy: str


def family_of(base_name: str) -> Family | None:
    """Return the family a base's name speaks of; None when it speaks of none.

    >>> family_of("meta-llama/Meta-Llama-3-8B"), family_of("Llama-3.2-1B"), family_of("my-model")
    ('3', '3.2', None)
    """
    name = base_name.rstrip("/").rsplit("/", 1)[-1]
    found = re.search(r"llama[-_ ]?3(?:[._]([123]))?(?![.\d])", name, re.IGNORECASE)
    if found is None:
        return None
    minor = found[1]
    return f"3.{minor}" if minor else "3"  # type: ignore[return-value]


def default_model_name(name: str, *, family: Family, toy: bool) -> str:
    """Return the name a model gets when the recipe gives none: the run's, begun as its license asks.

    >>> default_model_name("zh-8b", family="3", toy=False)
    'Llama-3-zh-8b'
    """
    ending = "-toy" if toy and "toy" not in name else ""
    if begins_rightly(name, family):
        return name + ending
    return TERMS[family].name_prefix + name + ending


def begins_rightly(name: str, family: Family) -> bool:
    """Return whether a model's name begins as the family's license asks (section 1.b.i)."""
    return re.match(TERMS[family].name_start, name) is not None


def is_agreement(text: str, family: Family) -> bool:
    """Return whether a text is the family's agreement itself, word for word in every section."""
    return not changed_sections(text, family)


def agreement_mistake(text: str, family: Family) -> str:
    """Return what keeps a text from being the family's agreement: another text, or the sections that differ."""
    # 3.3's heading is written in Markdown bold; the apostrophes and spaces differ between copies.
    opening = " ".join(text[:400].replace("*", " ").split())
    if not opening.upper().startswith(TERMS[family].heading):
        return "it is another text"
    return f"not word for word: {', '.join(changed_sections(text, family))}"


def find_agreement(folders: Iterable[Path], family: Family) -> Path | None:
    """Return the family's agreement from the first folder, or installed package, that has it word for word."""
    candidates = [path for folder in folders for path in sorted(folder.glob("LICENSE*")) if path.is_file()]
    for path in [*candidates, *_packaged_licenses()]:
        text = path.read_text(encoding="utf-8", errors="replace")
        if is_agreement(text, family):
            return path
    return None


def find_use_policy(folders: Iterable[Path]) -> Path | None:
    """Return the first `USE_POLICY*` file of the folders."""
    for folder in folders:
        for path in sorted(folder.glob("USE_POLICY*")):
            if path.is_file():
                return path
    return None


def _packaged_licenses() -> list[Path]:
    # llama-models 0.3 carries a one-line pointer here; a version that ships the texts is picked up.
    try:
        found = files("llama-models") or []
    except PackageNotFoundError:
        return []
    paths = [Path(str(entry.locate())) for entry in found if entry.name.upper().startswith("LICENSE")]
    return sorted(path for path in paths if path.is_file())


def license_pointer(family: Family, *, model_name: str) -> str:
    """Return a text for LICENSE where the agreement is not at hand: it says plainly that it is only a pointer."""
    terms = TERMS[family]
    pointer = (TEXTS / "LICENSE.pointer.txt").read_text(encoding="utf-8")
    return pointer.format(
        model_name=model_name,
        license_name=terms.license_name,
        agreement_name=terms.license_name + " Agreement",
        agreement_url=terms.agreement_url,
        policy_url=terms.policy_url,
    )


def notice_file(family: Family, *, model_name: str, base_name: str) -> str:
    """Return the text of NOTICE, with the sentence section 1.b.iii prescribes."""
    text = (TEXTS / "NOTICE.txt").read_text(encoding="utf-8")
    return text.format(notice=TERMS[family].notice, model_name=model_name, base_name=base_name)


def duties(family: Family, *, name: str, texts: Mapping[str, str]) -> list[Duty]:
    """Check every duty of a base family against a release.

    name: the model's name as others will see it (the repository's, without its owner).
    texts: README.md, LICENSE, NOTICE by file name; an absent one counts as empty.
    """
    terms = TERMS[family]
    card, agreement, notice = (texts.get(file, "") for file in ("README.md", "LICENSE", "NOTICE"))
    again = "make the release again"
    return [
        Duty(
            "name",
            begins_rightly(name, family),
            f"{name!r} must begin with {_beginning(terms)!r}: use --repo-id OWNER/{terms.name_prefix}{name}",
        ),
        Duty("built with", terms.built_with in _top(card), f"README.md must open with “{terms.built_with}”; {again}"),
        Duty(
            "agreement",
            is_agreement(agreement, family),
            f"LICENSE must be the {terms.license_name} Agreement, word for word ({terms.agreement_url}); "
            f"{agreement_mistake(agreement, family)}. Put the LICENSE of the base model's repository into a folder and "
            "pass it with --agreement FOLDER",
        ),
        Duty("notice", terms.notice in notice, f"NOTICE must hold the sentence “{terms.notice}”; {again}"),
        Duty("use policy", terms.policy_url in card, f"README.md must name {terms.policy_url}; {again}"),
        Duty(
            "license in the card",
            f"license: {terms.license_id}\n" in card,
            f"README.md's front matter must say license: {terms.license_id}; {again}",
        ),
        Duty(
            "known dangers",
            HARM_HEADING in card,
            f"README.md needs the section {HARM_HEADING!r} (the use policy asks that known dangers be told); {again}",
        ),
    ]


def _beginning(terms: Terms) -> str:
    return "Llama 3" if terms.outputs_only_for_llama3 else "Llama"


def _top(card: str) -> str:
    """Return what is prominent in a card: its first 1,500 characters after the front matter."""
    parts = card.split("\n---\n", 1)
    return parts[-1][:1500]


def corpus_use(license_name: str) -> CorpusUse:
    """Return what a corpus's license allows, by its name; what is not plainly open is not called open.

    >>> corpus_use("CC-BY-NC-4.0"), corpus_use("cc-by-sa-4.0"), corpus_use("unknown")
    ('non-commercial', 'open', 'unlabelled')
    """
    name = license_name.strip().lower()
    if name in ("", "unknown", "other", "none", "n/a", "na", "null", "tbd", "?", "unlabelled", "unlicensed"):
        return "unlabelled"
    if re.search(
        r"(?<![a-z])nc(?![a-z])|non[-_ ]?commercial|research|academic|personal use|非商业|非商用|仅供研究", name
    ):
        return "non-commercial"
    if "all rights reserved" in name or "proprietary" in name:
        return "non-commercial"
    return "open"
