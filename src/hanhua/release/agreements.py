"""Whether a text is a Llama agreement, word for word: its sections are compared with digests of the genuine ones.

The texts are not part of this package; `texts/agreements.json` holds a hash of each section's words. They are compared
without case, marks and links, so a copy may be laid out otherwise, in plain text or Markdown; a section that is
missing, shortened, reworded or filled with other words is seen.

Sources: LICENSE of https://github.com/meta-llama/llama3 (a0940f9), models/llama3_1 to llama3_3/LICENSE of
https://github.com/meta-llama/llama-models (a9c89c4).
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

FILE = Path(__file__).parent / "texts" / "agreements.json"
DEFINITIONS = "Definitions"
SECTIONS = (
    "License Rights and Redistribution",
    "Additional Commercial Terms",
    "Disclaimer of Warranty",
    "Limitation of Liability",
    "Intellectual Property",
    "Term and Termination",
    "Governing Law and Jurisdiction",
)
KNOWN: dict[str, list[dict[str, str]]] = json.loads(FILE.read_text(encoding="utf-8"))
"""Genuine copies by family, each as the hash of every section; a section may be that of any of them."""

_POLICY = re.compile(r"\n[\s#*]*(?:Meta )?Llama [\d.]+ Acceptable Use Policy[\s*]*\n", re.IGNORECASE)


def changed_sections(text: str, family: str) -> list[str]:
    """Return the sections of the family's agreement that a text does not have word for word; [] for the whole of it."""
    found = digests_of(text)
    copies = KNOWN.get(family, [])
    return [
        name
        for name in (DEFINITIONS, *SECTIONS)
        if found.get(name) not in {copy[name] for copy in copies} or not copies
    ]


def digests_of(text: str) -> dict[str, str]:
    """Return the hash of each section's words; sections that are not there, in their order, are left out."""
    whole = text if (policy := _POLICY.search(text)) is None else text[: policy.start()]
    names, starts = [DEFINITIONS], [0]
    for number, name in enumerate(SECTIONS, 1):
        found = re.compile(rf"(?<!\d){number}[\s*\\.]+{name}", re.IGNORECASE).search(whole, starts[-1])
        if found is not None:
            names.append(name)
            starts.append(found.start())
    ends = [*starts[1:], len(whole)]
    return {name: _digest(whole[start:end]) for name, start, end in zip(names, starts, ends, strict=True)}


def _digest(text: str) -> str:
    # A link is written out in one copy and as Markdown in another; "Licensee's" has a straight or a bent apostrophe.
    plain = re.sub(r"\]\([^)]*\)|https?://\S+", " ", text)
    words = re.findall(r"[a-z0-9]+", plain.lower().replace("’", "").replace("'", ""))
    return hashlib.sha256(" ".join(words).encode()).hexdigest()
