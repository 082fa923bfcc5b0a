"""Small fixed sets of held-out text, as rows of tokens for the training model.

The built-in ones were written for this project; the others are the held-out split of a corpus. A piece (a paragraph, a
program, a document) is what intervals are drawn over.

Shape suffixes: S rows, L tokens of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from hanhua.continued_pretrain.pack import IGNORED, Batch, document_marks
from hanhua.continued_pretrain.retention.settings import RetentionSettings
from hanhua.documents import Document, read_corpus
from hanhua.errors import InputError
from hanhua.model_folder import load_tokenizer

CUT = "\n=====\n"
PIECE_CHARACTERS = 2000
"""Of a long document only the beginning is read, so that a set has many pieces."""


@dataclass(frozen=True)
class HeldoutSet:
    """Texts that are measured together. retained: the base knew them; otherwise they are what is to be learned."""

    name: str
    retained: bool
    pieces: tuple[str, ...]

    @property
    def bytes(self) -> tuple[int, ...]:
        """UTF-8 bytes of each piece."""
        return tuple(len(piece.encode()) for piece in self.pieces)


@dataclass(frozen=True)
class Rows:
    """Pieces as rows of one length. piece_SL: the piece each target belongs to, counted through all sets; -1: none."""

    batch: Batch
    piece_SL: npt.NDArray[np.int64]


def built_in_set(name: str) -> HeldoutSet:
    """Return one of the sets that come with the package."""
    text = (Path(__file__).parent / "texts" / f"{name}.txt").read_text(encoding="utf-8")
    return HeldoutSet(name, True, tuple(piece.strip("\n") for piece in text.split(CUT)))


def load_sets(settings: RetentionSettings, corpus: Path) -> list[HeldoutSet]:
    """Return the sets that are to be measured; InputError for a corpus with too little held-out text."""
    sets = [built_in_set(name) for name in settings.sets]
    by_name: dict[str, list[Document]] = {name: [] for name in settings.heldout}
    if by_name:
        for document in read_corpus(corpus, split="heldout"):
            if document.corpus in by_name:
                by_name[document.corpus].append(document)
    for name, documents in by_name.items():
        if len(documents) < 2:
            raise InputError(
                f"retention.heldout: the corpus {name!r} has {len(documents)} held-out documents, and an interval "
                "needs at least 2; give it a larger held-out split or leave it out"
            )
        if name in settings.sets:
            raise InputError(f"retention.heldout: {name!r} is a built-in set too; leave that out of retention.sets")
        pieces = _some(documents, settings.max_set_bytes)
        sets.append(HeldoutSet(name, documents[0].language != "zh", pieces))
    return sets


def _some(documents: Sequence[Document], max_bytes: int) -> tuple[str, ...]:
    """Return the beginnings of documents, in the order of their hashes, at least two."""
    pieces: list[str] = []
    total = 0
    for document in sorted(documents, key=lambda d: xxhash.xxh3_64_intdigest(d.id.encode())):
        piece = document.text[:PIECE_CHARACTERS]
        total += len(piece.encode())
        if len(pieces) >= 2 and total > max_bytes:
            break
        pieces.append(piece)
    return tuple(pieces)


def rows_of(sets: Sequence[HeldoutSet], model: Path, *, length: int, multiple: int) -> Rows:
    """Return all pieces as rows of `length` tokens; empty rows make their number a multiple of `multiple`.

    A piece begins after the mark that begins a document in training, which is never a target; one that is longer than
    a row goes on in a new window, without what was before.
    """
    tokenizer, bos = load_tokenizer(model), document_marks(model).bos
    columns: tuple[list[list[int]], ...] = ([], [], [], [])
    inputs, positions, labels, owners = columns
    room = 0
    for number, text in enumerate(piece for one in sets for piece in one.pieces):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        for low in range(0, len(ids), length):
            window = ids[low : low + length]
            if len(window) > room:
                _begin_row(columns)
                room = length
            inputs[-1] += [bos, *window[:-1]]
            positions[-1] += range(len(window))
            labels[-1] += window
            owners[-1] += [number] * len(window)
            room -= len(window)
    while len(inputs) % multiple:
        _begin_row(columns)
    batch = Batch(_filled(inputs, length, bos), _positions(positions, length), _filled(labels, length, IGNORED))
    return Rows(batch, _filled(owners, length, -1))


def _begin_row(columns: Sequence[list[list[int]]]) -> None:
    for column in columns:
        column.append([])


def _filled(rows: Sequence[Sequence[int]], length: int, value: int) -> npt.NDArray[np.int64]:
    array = np.full((len(rows), length), value, dtype=np.int64)
    for number, row in enumerate(rows):
        array[number, : len(row)] = row
    return array


def _positions(rows: Sequence[Sequence[int]], length: int) -> npt.NDArray[np.int64]:
    """Fill rows up with one more document, which nothing looks at."""
    return np.array([[*row, *range(length - len(row))] for row in rows], dtype=np.int64)


def by_set(sets: Sequence[HeldoutSet], nats: Sequence[float]) -> Mapping[str, list[float]]:
    """Return the nats of all pieces, one list after the other, by set."""
    found, first = {}, 0
    for one in sets:
        found[one.name] = list(nats[first : first + len(one.pieces)])
        first += len(one.pieces)
    return found
