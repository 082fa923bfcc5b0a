"""Any tokenizers side by side over any texts: characters and bytes per token, and which new tokens are used.

Shape suffixes: D documents, S tokenizers, K columns of counts, N new tokens of one tokenizer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer

from hanhua.artifacts.files import read_json
from hanhua.encoding import Encoder
from hanhua.errors import InputError
from hanhua.vocab_extension.extend import EXTENSION_JSON
from hanhua.vocab_extension.measuring.bootstrap import Interval, interval_of, resampled_totals
from hanhua.vocab_extension.measuring.document_counts import DocumentCounts, Ints, count_documents, pooled
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON

_Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Subject:
    """A tokenizer to measure. first_new_id: where its extension begins; None when it has none."""

    name: str
    tokenizer: Tokenizer
    first_new_id: int | None = None

    @cached_property
    def encoder(self) -> Encoder:
        """What encodes the texts, opened once for all of them."""
        return Encoder(self.tokenizer)

    @property
    def new_tokens(self) -> int:
        """How many tokens its extension added."""
        return 0 if self.first_new_id is None else self.tokenizer.get_vocab_size() - self.first_new_id


@dataclass(frozen=True)
class Measure:
    """One tokenizer over one set of texts, without special tokens; intervals are 95%, over documents.

    by: what the texts were put together by; `texts` is then the file's name or the language's. gain: this
    tokenizer's characters per token over the first one's. new_tokens_used: share of the new tokens met at
    least once. share_of_new: share of all tokens that are new ones. Both None without an extension. Intervals
    of ratios are None below two documents.
    """

    tokenizer: str
    texts: str
    by: Literal["file", "language"]
    documents: int
    characters: int
    bytes: int
    tokens: int
    gain: float
    new_tokens_used: float | None
    share_of_new: float | None
    characters_per_token_interval: Interval | None
    bytes_per_token_interval: Interval | None
    gain_interval: Interval | None
    new_tokens_used_interval: Interval | None
    share_of_new_interval: Interval | None

    @property
    def characters_per_token(self) -> float:
        """Higher is better."""
        return self.characters / max(self.tokens, 1)

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes per token."""
        return self.bytes / max(self.tokens, 1)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data."""
        ratios = {"characters_per_token": self.characters_per_token, "bytes_per_token": self.bytes_per_token}
        return {**asdict(self), **ratios}


def open_subject(folder: Path, *, name: str | None = None, base_size: int | None = None) -> Subject:
    """Load the tokenizer of a folder; `extension.json`, or else `base_size`, says where its new tokens begin."""
    place = folder / TOKENIZER_JSON
    if not place.is_file():
        raise InputError(f"{folder}: no {TOKENIZER_JSON} in this folder")
    try:
        tokenizer = Tokenizer.from_file(str(place))
    except Exception as error:  # `tokenizers` raises bare Exception for a file it cannot read
        raise InputError(f"{place}: not a tokenizer ({error})") from error
    # What somebody's training saved in the file: texts cut short, or filled with tokens that stand for nothing.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if (folder / EXTENSION_JSON).is_file():
        base_size = int(read_json(folder / EXTENSION_JSON)["first_new_id"])
    has_new = base_size is not None and tokenizer.get_vocab_size() > base_size
    return Subject(name or folder.name or str(folder), tokenizer, base_size if has_new else None)


def measure(subjects: Sequence[Subject], texts: Mapping[str, Iterable[str]]) -> list[Measure]:
    """Measure every tokenizer on every set of texts; each text is read once and not kept."""
    return [row for name, counts in _counts(subjects, texts, False).items() for row in _rows(subjects, name, counts)]


def measure_with_languages(subjects: Sequence[Subject], texts: Mapping[str, Iterable[str]]) -> list[Measure]:
    """Measure as `measure` does, and after the files once more by the documents' languages, over all files."""
    by_file = _counts(subjects, texts, True)
    rows = [row for name, counts in by_file.items() for row in _rows(subjects, name, counts)]
    if by_file:
        everything = pooled(list(by_file.values()))
        for language in sorted(set(everything.languages_D.tolist())):
            rows += _rows(subjects, language, everything.only(language), by="language")
    return rows


def _counts(
    subjects: Sequence[Subject], texts: Mapping[str, Iterable[str]], by_language: bool
) -> dict[str, DocumentCounts]:
    encoders, first_new = [s.encoder for s in subjects], [s.first_new_id for s in subjects]
    return {
        name: count_documents(encoders, first_new, stream, by_language=by_language) for name, stream in texts.items()
    }


def _rows(
    subjects: Sequence[Subject], name: str, counts: DocumentCounts, *, by: Literal["file", "language"] = "file"
) -> list[Measure]:
    columns = [counts.characters_D[:, None], counts.bytes_D[:, None], counts.tokens_DS, counts.new_tokens_DS]
    columns_DK = np.concatenate(columns, axis=1)
    totals = columns_DK.sum(axis=0).tolist()
    resamples = resampled_totals(columns_DK)

    def interval(over: int, under: int) -> Interval | None:
        if resamples is None:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            return interval_of(resamples[:, over] / resamples[:, under])

    rows = []
    for at, subject in enumerate(subjects):
        tokens, new = 2 + at, 2 + len(subjects) + at
        extends = subject.first_new_id is not None
        used, used_interval = _used(counts.documents_with_new(at), subject.new_tokens) if extends else (None, None)
        rows.append(
            Measure(
                tokenizer=subject.name,
                texts=name,
                by=by,
                documents=len(columns_DK),
                characters=totals[0],
                bytes=totals[1],
                tokens=totals[tokens],
                gain=totals[2] / totals[tokens] if totals[tokens] else 1.0,
                new_tokens_used=used,
                share_of_new=totals[new] / max(totals[tokens], 1) if extends else None,
                characters_per_token_interval=interval(0, tokens),
                bytes_per_token_interval=interval(1, tokens),
                gain_interval=interval(2, tokens),
                new_tokens_used_interval=used_interval,
                share_of_new_interval=interval(new, tokens) if extends else None,
            )
        )
    return rows


def _used(documents_with_N: Ints, new_tokens: int) -> tuple[float, Interval]:
    """Return the share of new tokens met at all, with its interval.

    Drawing documents again would only ever lose tokens. So: a token met in f documents is missed by another
    sample of as many with probability e^-f, and the spread of the number met is the sum over tokens.
    """
    if not documents_with_N.size:
        return 0.0, (0.0, 0.0)
    met = documents_with_N[documents_with_N > 0]
    missed = np.exp(-met.astype(np.float64))
    half = _Z_95 * math.sqrt(float((missed * (1 - missed)).sum())) / new_tokens
    share = len(met) / new_tokens
    return share, (max(0.0, share - half), min(1.0, share + half))
