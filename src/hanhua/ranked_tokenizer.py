"""tiktoken's ranks as a byte-level `tokenizer.json` that gives the same ids.

tiktoken has no merges: any two neighbors that spell a token may become it, the least rank first, and a pre-token that
is a token as a whole is that token. So every way to cut a token in two is written as a merge, in the order of ranks,
and `ignore_merges` is on.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.bits import bytes_to_token
from hanhua.byte_level_bpe import added_token, bpe_tokenizer_json


@dataclass(frozen=True)
class Ranked:
    """What tiktoken knows of a tokenizer. ranks: of its tokens. first_id: what is added to a rank to give the id.

    special: tokens met before the text is cut, with their ids. bos: the one that begins every text.
    """

    ranks: Mapping[bytes, int]
    pattern: str
    special: Mapping[str, int]
    first_id: int = 0
    normalizer: str | None = None
    bos: str | None = None


def read_ranks(path: Path) -> dict[bytes, int]:
    """Return the ranks of a `*.tiktoken` or `tokenizer.model` file: a line has a token in base64, and its rank."""
    lines = (line.split() for line in path.read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def tokenizer_json_of(ranked: Ranked) -> dict[str, Any]:
    """Return the content of tokenizer.json, special tokens in the vocabulary only when they come first."""
    vocab = {bytes_to_token(token): ranked.first_id + rank for token, rank in ranked.ranks.items()}
    if ranked.first_id:
        vocab = {**ranked.special, **vocab}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": ranked.pattern}, "behavior": "Isolated", "invert": False}
    special = sorted(ranked.special.items(), key=lambda item: item[1])
    return bpe_tokenizer_json(
        vocab,
        [[bytes_to_token(left), bytes_to_token(right)] for left, right in _merges(ranked.ranks)],
        added_tokens=[added_token(name, id_, special=True) for name, id_ in special],
        normalizer={"type": ranked.normalizer} if ranked.normalizer else None,
        pre_tokenizer={"type": "Sequence", "pretokenizers": [split, byte_level]},
        post_processor=_begins_with(ranked.bos, ranked.special[ranked.bos]) if ranked.bos else byte_level,
        decoder={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        ignore_merges=True,
    )


def _merges(ranks: Mapping[bytes, int]) -> Sequence[tuple[bytes, bytes]]:
    """Return every cut of a token into two, by the rank of the token, then of its parts."""
    merges: list[tuple[bytes, bytes]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        cuts = ((token[:at], token[at:]) for at in range(1, len(token)))
        found = [(left, right) for left, right in cuts if left in ranks and right in ranks]
        merges += sorted(found, key=lambda cut: (ranks[cut[0]], ranks[cut[1]]))
    return merges


def _begins_with(bos: str, id_: int) -> dict[str, Any]:
    def special(sequence: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": bos, "type_id": sequence}}

    def text(name: str, sequence: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": sequence}}

    return {
        "type": "TemplateProcessing",
        "single": [special(0), text("A", 0)],
        "pair": [special(0), text("A", 0), special(1), text("B", 1)],
        "special_tokens": {bos: {"id": bos, "ids": [id_], "tokens": [bos]}},
    }
