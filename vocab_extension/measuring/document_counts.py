"""Counts by document and tokenizer: what every figure of `measure`, and its interval, is made of.

Shape suffixes: D documents, S tokenizers, T tokens of a batch, N new tokens of one tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from hanhua.encoding import Encoder
from hanhua.vocab_extension.measuring.languages import language_of
from hanhua.vocab_extension.texts import encodable

Ints = npt.NDArray[np.int64]

_BATCH = 256


@dataclass(frozen=True)
class DocumentCounts:
    """Characters, bytes and tokens of each document, and in how many documents each new token was met.

    languages_D: empty strings unless asked for. documents_with: by tokenizer, then by language.
    """

    languages_D: npt.NDArray[np.str_]
    characters_D: Ints
    bytes_D: Ints
    tokens_DS: Ints
    new_tokens_DS: Ints
    documents_with: tuple[dict[str, Ints], ...]

    def only(self, language: str) -> DocumentCounts:
        """Return the counts of the documents in one language."""
        of = self.languages_D == language
        return DocumentCounts(
            self.languages_D[of],
            self.characters_D[of],
            self.bytes_D[of],
            self.tokens_DS[of],
            self.new_tokens_DS[of],
            tuple({language: found[language]} if language in found else {} for found in self.documents_with),
        )

    def documents_with_new(self, subject: int) -> Ints:
        """Return in how many documents each new token of a tokenizer was met, whatever their language."""
        return np.asarray(sum(self.documents_with[subject].values()), dtype=np.int64)


def count_documents(
    encoders: Sequence[Encoder], first_new: Sequence[int | None], texts: Iterable[str], *, by_language: bool
) -> DocumentCounts:
    """Encode every text with every tokenizer, without special tokens; each text is read once and not kept.

    first_new: where a tokenizer's new tokens begin; None for one without.
    """
    languages: list[str] = []
    sizes: list[tuple[int, int]] = []
    rows: list[Ints] = [np.zeros((0, 2 * len(encoders)), dtype=np.int64)]
    documents_with: tuple[dict[str, Ints], ...] = tuple({} for _ in encoders)
    for batch in batches(texts):
        found = [language_of(text) if by_language else "" for text in batch]
        languages += found
        sizes += [(len(text), len(text.encode())) for text in batch]
        row = np.zeros((len(batch), 2 * len(encoders)), dtype=np.int64)
        for s, (encoder, first) in enumerate(zip(encoders, first_new, strict=True)):
            ids_T, row[:, s] = encode_flat(encoder, batch)
            if first is not None:
                new = encoder.tokenizer.get_vocab_size() - first
                document_T = np.repeat(np.arange(len(batch)), row[:, s])
                row[:, len(encoders) + s] = np.bincount(document_T[ids_T >= first], minlength=len(batch))
                _note_documents(
                    documents_with[s], found, document_T[ids_T >= first], ids_T[ids_T >= first] - first, new
                )
        rows.append(row)
    counts = np.concatenate(rows)
    size = np.asarray(sizes, dtype=np.int64).reshape(-1, 2)
    named = np.asarray(languages, dtype=np.str_)
    split = len(encoders)
    return DocumentCounts(named, size[:, 0], size[:, 1], counts[:, :split], counts[:, split:], documents_with)


def pooled(counts: Sequence[DocumentCounts]) -> DocumentCounts:
    """Return the counts of several sets of texts as one."""
    merged: tuple[dict[str, Ints], ...] = tuple({} for _ in counts[0].documents_with)
    for one in counts:
        for into, found in zip(merged, one.documents_with, strict=True):
            for language, with_N in found.items():
                into[language] = into[language] + with_N if language in into else with_N
    return DocumentCounts(
        np.concatenate([one.languages_D for one in counts]),
        np.concatenate([one.characters_D for one in counts]),
        np.concatenate([one.bytes_D for one in counts]),
        np.concatenate([one.tokens_DS for one in counts]),
        np.concatenate([one.new_tokens_DS for one in counts]),
        merged,
    )


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts by the batch, fit to be encoded."""
    stream = iter(texts)
    while batch := [encodable(text) for text in islice(stream, _BATCH)]:
        yield batch


def encode_flat(encoder: Encoder, batch: list[str]) -> tuple[Ints, Ints]:
    """Return the ids of a batch in one array, and how many each text has."""
    rows = encoder.encode(batch)
    return rows.ids_T.astype(np.int64), rows.lengths


def _note_documents(into: dict[str, Ints], languages: list[str], document_T: Ints, new_T: Ints, new: int) -> None:
    """Add one for each document and new token in it, to the counts of the document's language."""
    pairs = np.unique(document_T * max(new, 1) + new_T)
    documents, tokens = pairs // max(new, 1), pairs % max(new, 1)
    named = np.asarray(languages, dtype=np.str_)
    for language in set(languages):
        with_N = np.bincount(tokens[named[documents] == language], minlength=new)
        into[language] = into[language] + with_N if language in into else with_N
