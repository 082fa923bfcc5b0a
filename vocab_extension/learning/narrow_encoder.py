"""A base's encodings of strings with Han, by the part of the base that such strings can meet.

Loading all of a base into two encoders takes longer than encoding the strings of tens of megabytes. Most of these are
characters of several bytes, perhaps behind one mark of a single byte (`，我们`, ` 用户`). A merge is done in a string
only where what it makes stands, so no merge is, and no token can be there, that has a byte of a single-byte character
behind its first one. The tokens and merges that are left, in their order and under numbers of their own, encode such a
string as the whole base does; any other string (`T恤衫`) goes to the whole base.

Shape suffixes: N texts; T tokens of all of them; V tokens of the part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tokenizers import models

from hanhua.bits import character_of_byte
from hanhua.encoding import Encoder, Rows
from hanhua.vocab_extension.tokenizer_json import BpeFile, whole_pretokens

_NARROW = re.compile(r"[\s\S]?[^\x00-\x7f]*")


class NarrowEncoder:
    """Encodes texts as one pre-token each, as `BpeFile.pretoken_encoder` does. expected_bytes: of all of them."""

    def __init__(self, base: BpeFile, *, expected_bytes: int | None = None) -> None:
        part, self._id_V = part_of(base)
        self._narrow = Encoder(whole_pretokens(part), expected_bytes=expected_bytes)
        self._base = base
        self._whole: Encoder | None = None

    def encode(self, texts: Sequence[str]) -> Rows:
        """Return the ids of texts that UTF-8 can spell."""
        is_narrow = np.fromiter((_NARROW.fullmatch(text) is not None for text in texts), dtype=bool, count=len(texts))
        if is_narrow.all():
            return self._narrowly(texts)
        if self._whole is None:
            self._whole = Encoder(self._base.pretoken_encoder())
        narrow = self._narrowly([texts[n] for n in np.flatnonzero(is_narrow).tolist()])
        whole = self._whole.encode([texts[n] for n in np.flatnonzero(~is_narrow).tolist()])
        lengths_N = np.empty(len(texts), dtype=np.int64)
        lengths_N[is_narrow], lengths_N[~is_narrow] = narrow.lengths, whole.lengths
        of_narrow = np.repeat(is_narrow, lengths_N)
        ids_T = np.empty(len(of_narrow), dtype=np.uint32)
        ids_T[of_narrow], ids_T[~of_narrow] = narrow.ids_T, whole.ids_T
        return Rows(ids_T, np.cumsum(lengths_N))

    def _narrowly(self, texts: Sequence[str]) -> Rows:
        rows = self._narrow.encode(texts)
        return Rows(self._id_V.take(rows.ids_T), rows.ends_N)


def part_of(base: BpeFile) -> tuple[models.BPE, npt.NDArray[np.uint32]]:
    """Return the model of the tokens and merges that can stand in such a string, and the id in the base of each."""
    spelled = character_of_byte()
    several = re.escape("".join(spelled[byte] for byte in range(0x80, 0x100)))
    fits = re.compile(f".[{several}]*", re.DOTALL).fullmatch
    ids = {token: id_ for token, id_ in base.vocab.items() if id_ in base.bytes_of and fits(token)}
    number_of = {token: number for number, token in enumerate(ids)}
    merges = [(left, right) for left, right in base.merges if left + right in number_of]
    merges = [(left, right) for left, right in merges if left in number_of and right in number_of]
    looks_up = bool(base.data["model"].get("ignore_merges"))
    model = models.BPE(vocab=number_of, merges=merges, ignore_merges=looks_up)
    return model, np.fromiter(ids.values(), dtype=np.uint32, count=len(ids))
