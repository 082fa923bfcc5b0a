"""Writes the page: vocabulary and merges of a base and its extension, packed, and the program that encodes by them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.artifacts.files import read_json, write_durably
from hanhua.errors import InputError
from hanhua.vocab_extension.explore.js_pattern import javascript_pattern
from hanhua.vocab_extension.extend import EXTENSION_JSON
from hanhua.vocab_extension.pretokenizer import cutting_patterns, has_normalizer
from hanhua.vocab_extension.proof.pair import Pair, open_pair
from hanhua.vocab_extension.proof.verify import verify_extension
from hanhua.vocab_extension.tokenizer_json import BpeFile

_HERE = Path(__file__).parent
NEEDED = ("pipeline", "base_tokens", "base_merges", "own_merges")
"""Checks of `verify` without which base and extension cannot be shown by one vocabulary and one list of merges."""


@dataclass(frozen=True)
class Page:
    """What was written."""

    new_tokens: int
    size_bytes: int


def write_page(folder: Path, *, base: Path, out: Path, name: str, base_name: str) -> Page:
    """Write one HTML page that needs nothing else, for an extended tokenizer or (with no new token) any other.

    Raises InputError when the extension is not made on this base, or cuts texts in a way that browsers cannot.
    """
    pair = open_pair(base, folder)
    _check(pair)
    page = (_HERE / "page.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": escape(name),
        "STYLE": (_HERE / "page.css").read_text(encoding="utf-8"),
        "SETTINGS": _for_script(_settings(pair, name=name, base_name=base_name)),
        "DATA": packed(pair.extended),
        "ENCODER": (_HERE / "encoder.js").read_text(encoding="utf-8"),
        "PROGRAM": (_HERE / "program.js").read_text(encoding="utf-8"),
    }
    for key, text in parts.items():
        page = page.replace(f"@@{key}@@", text)
    write_durably(out, page)
    return Page(len(pair.new_tokens), out.stat().st_size)


def packed(bpe: BpeFile) -> str:
    """Return vocabulary and merges as gzip in base64.

    Inside: a line of JSON with two numbers, of bytes and of merges; the tokens in the order of their ids, an id without
    one as an empty line; then the merges as pairs of ids, all left parts and all right parts, 32 bits each.
    """
    names = [""] * bpe.size
    for token, id_ in bpe.vocab.items():
        names[id_] = token
    for added in bpe.added:
        names[added["id"]] = ""  # told apart, with their texts
    tokens = "\n".join(names).encode()
    left = np.array([bpe.vocab[a] for a, _ in bpe.merges], dtype="<u4")
    right = np.array([bpe.vocab[b] for _, b in bpe.merges], dtype="<u4")
    head = json.dumps({"bytes": len(tokens), "merges": len(left)}).encode() + b"\n"
    data = gzip.compress(head + tokens + left.tobytes() + right.tobytes(), 9, mtime=0)
    return base64.b64encode(data).decode()


def _check(pair: Pair) -> None:
    checks = verify_extension(pair.extended.place.parent, base=pair.base.place.parent, structure_only=True)
    broken = [check.name for check in checks if check.name in NEEDED and not check.holds]
    if broken:
        raise InputError(
            f"{pair.extended.place.parent}: no sound extension of this base ({', '.join(broken)}): "
            "see `vocab-extension verify`, and `vocab-extension repair`"
        )
    kind = (pair.base.data.get("normalizer") or {}).get("type")
    if has_normalizer(pair.base) and kind != "NFC":
        raise InputError(f"{pair.base.place}: has a normalizer ({kind}); browsers are told of NFC alone")


def _settings(pair: Pair, *, name: str, base_name: str) -> dict[str, Any]:
    return {
        "name": name,
        "baseName": base_name,
        "patterns": [javascript_pattern(pattern) for pattern in cutting_patterns(pair.base)],
        "wholeWords": bool(pair.base.data["model"].get("ignore_merges")),
        "normalize": has_normalizer(pair.base),
        "cutsAtMissing": _cuts_at_missing(pair.base),
        "baseMerges": len(pair.base.merges),
        "added": [[token["content"], token["id"], _is_new(pair, token)] for token in pair.extended.added],
        "newIds": _as_ranges(sorted(pair.new_ids)),
        "counts": _counts(pair),
    }


def _cuts_at_missing(bpe: BpeFile) -> bool:
    """Return whether a step behind the spelling cuts bytes without a token out, so that their neighbors never merge."""
    steps = (bpe.data.get("pre_tokenizer") or {}).get("pretokenizers") or []
    return any(step.get("type") == "Split" and step.get("behavior") == "Removed" for step in steps)


def _is_new(pair: Pair, token: dict[str, Any]) -> bool:
    return int(token["id"]) in pair.new_ids


def _as_ranges(ids: Sequence[int]) -> list[list[int]]:
    """Return ids that follow one another as first and last.

    >>> _as_ranges([3, 4, 5, 9])
    [[3, 5], [9, 9]]
    """
    ranges: list[list[int]] = []
    for id_ in ids:
        if ranges and ranges[-1][1] == id_ - 1:
            ranges[-1][1] = id_
        else:
            ranges.append([id_, id_])
    return ranges


def _counts(pair: Pair) -> list[list[int]]:
    """Return id, count and documents of the new tokens, where learning told them."""
    place = pair.extended.place.parent / EXTENSION_JSON
    rows = read_json(place).get("tokens") or [] if place.is_file() else []
    return [[row["id"], row.get("count", 0), row.get("documents", 0)] for row in rows if "id" in row]


def _for_script(data: dict[str, Any]) -> str:
    """Return JSON that may stand in a script element."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
