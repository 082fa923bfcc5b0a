"""Names what is wrong with an extended tokenizer, and what is worth knowing though nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.vocab_extension.clinic.kinds import KINDS, Kind
from hanhua.vocab_extension.extend import EXTENSION_JSON
from hanhua.vocab_extension.proof.pair import Pair

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One kind of fault. number: how often it was found. examples: the first few, in words."""

    kind: Kind
    number: int
    examples: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        told = {"kind": self.kind.name, "means": self.kind.en.means, "repair": self.kind.en.cure}
        return {**told, "number": self.number, "examples": list(self.examples)}


def diagnose(pair: Pair) -> list[Finding]:
    """Return every kind of fault that is found, each with its number and examples; none for a sound tokenizer.

    What makes the loader fail is named too: the kinds that need the loaded tokenizer are left out then.
    """
    found = []
    for kind in KINDS:
        try:
            told = kind.find(pair)
            examples = tuple(islice(told, MAX_EXAMPLES))
            number = len(examples) + sum(1 for _ in told)
        except Exception:
            continue
        if number:
            found.append(Finding(kind, number, examples))
    return found


def remarks(pair: Pair) -> Iterator[str]:
    """Yield what is no fault: an extension of an extension, new special tokens."""
    place = pair.extended.place.parent / EXTENSION_JSON
    first = read_json(place).get("first_new_id") if place.is_file() else None
    if isinstance(first, int) and pair.base.size < first < pair.extended.size:
        yield (
            f"an extension of an extension: extension.json tells of the {pair.extended.size - first:,} tokens from "
            f"{first:,} on; {first - pair.base.size:,} were there before"
        )
    special = [token["content"] for token in pair.new_added if token.get("special")]
    if special:
        yield f"{len(special):,} new special tokens: {', '.join(special[:4])}{' …' if len(special) > 4 else ''}"
