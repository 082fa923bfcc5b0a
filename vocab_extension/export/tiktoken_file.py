"""Writes an extended tokenizer as tiktoken's ranks, with a small loader that keeps the ids of special tokens."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shutil import copyfile

from hanhua.artifacts.files import write_durably, write_json
from hanhua.bits import bytes_to_token
from hanhua.errors import InputError
from hanhua.vocab_extension.export import tiktoken_loader
from hanhua.vocab_extension.pretokenizer import split_pattern, tokens_by_id
from hanhua.vocab_extension.proof.pair import shown
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file

RANKS, SPECIAL, LOADER = "tokenizer.model", "special_tokens.json", "load_tokenizer.py"


@dataclass(frozen=True)
class Ranks:
    """How many tokens were written with a rank, and how many special ones with an id."""

    tokens: int
    special: int


def export_tiktoken(folder: Path, out: Path) -> Ranks:
    """Write a tokenizer folder's ranks, special ids and loader into the folder `out`.

    Raises InputError for a tokenizer that merging by rank would not give.
    """
    bpe = read_bpe_file(folder)
    tokens_by_id(bpe)
    pattern = split_pattern(bpe)
    check_merges_by_rank(bpe)
    special = {token["content"]: token["id"] for token in sorted(bpe.added, key=lambda token: int(token["id"]))}
    lines = [f"{base64.b64encode(data).decode()} {id_}\n" for id_, data in sorted(bpe.bytes_of.items())]
    out.mkdir(parents=True, exist_ok=True)
    write_durably(out / RANKS, "".join(lines))
    write_json(out / SPECIAL, {"pattern": pattern, "special_tokens": special})
    copyfile(str(tiktoken_loader.__file__), out / LOADER)
    return Ranks(len(lines), len(special))


def check_merges_by_rank(bpe: BpeFile) -> None:
    """Raise InputError unless merging the pair whose product has the least id is what the merges say.

    tiktoken has no merges: any two neighbors may become the token they spell, the least id first. So merges must
    be in the order of their products' ids, and every split of a token must be a merge, or never come to pass.
    Then the two differ in nothing but which of two overlapping pairs of one product goes first.
    """
    products = [bpe.vocab[left + right] for left, right in bpe.merges]
    if any(a > b for a, b in pairwise(products)):
        raise InputError(f"{bpe.place}: merges are not in the order of their products' ids; tiktoken merges by id")
    if not bpe.data["model"].get("ignore_merges"):
        raise InputError(f"{bpe.place}: ignore_merges is off, and tiktoken looks every pre-token up whole first")
    ids = {data: id_ for id_, data in bpe.bytes_of.items()}
    for left, right in _splits_without_merge(bpe, ids):
        if len(_merged_below(left + right, max(ids[left], ids[right]), ids)) > 1:
            parts = f"{shown(bytes_to_token(left))} and {shown(bytes_to_token(right))}"
            raise InputError(
                f"{bpe.place}: {parts} spell a token, and no merge joins them; tiktoken would, so it cannot "
                "encode as this tokenizer does"
            )


def _splits_without_merge(bpe: BpeFile, ids: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    merges = set(bpe.merges)
    for token in ids:
        for at in range(1, len(token)):
            left, right = token[:at], token[at:]
            if left in ids and right in ids and (bytes_to_token(left), bytes_to_token(right)) not in merges:
                yield left, right


def _merged_below(data: bytes, limit: int, ids: Mapping[bytes, int]) -> list[bytes]:
    """Return what merging by rank makes of some bytes with the tokens whose ids are below `limit`.

    A base token that holds a new token has a split that is no merge. The new token appears when nothing of a
    lower id is left to merge; if the bytes are one token by then, the split never comes to pass.
    """
    pieces = [data[i : i + 1] for i in range(len(data))]
    while True:
        pairs = [(ids.get(a + b, limit), i) for i, (a, b) in enumerate(pairwise(pieces))]
        id_, at = min(pairs, default=(limit, 0))
        if id_ >= limit:
            return pieces
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
