"""Any tokenizers side by side over any texts: characters and bytes per token, and which new tokens are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError
from hanhua.vocab_extension.extend import EXTENSION_JSON
from hanhua.vocab_extension.texts import encodable
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON

_BATCH = 256


@dataclass(frozen=True)
class Subject:
    """A tokenizer to measure. first_new_id: where its extension begins; None when it has none."""

    name: str
    tokenizer: Tokenizer
    first_new_id: int | None = None

    @property
    def new_tokens(self) -> int:
        """How many tokens its extension added."""
        return 0 if self.first_new_id is None else self.tokenizer.get_vocab_size() - self.first_new_id


@dataclass(frozen=True)
class Measure:
    """One tokenizer over one set of texts, without special tokens.

    new_tokens_used: share of the new tokens met at least once. share_of_new: share of all tokens that are new
    ones. Both None without an extension.
    """

    tokenizer: str
    texts: str
    documents: int
    characters: int
    bytes: int
    tokens: int
    new_tokens_used: float | None
    share_of_new: float | None

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
    if (folder / EXTENSION_JSON).is_file():
        base_size = int(read_json(folder / EXTENSION_JSON)["first_new_id"])
    has_new = base_size is not None and tokenizer.get_vocab_size() > base_size
    return Subject(name or folder.name or str(folder), tokenizer, base_size if has_new else None)


def measure(subjects: Sequence[Subject], texts: Mapping[str, Iterable[str]]) -> list[Measure]:
    """Measure every tokenizer on every set of texts; each text is read once and not kept."""
    return [row for name, stream in texts.items() for row in _measure_one(subjects, name, stream)]


def _measure_one(subjects: Sequence[Subject], name: str, texts: Iterable[str]) -> list[Measure]:
    documents = characters = size = 0
    tokens = [0] * len(subjects)
    new_tokens = [0] * len(subjects)
    used = [np.zeros(max(s.new_tokens, 0), dtype=bool) for s in subjects]
    stream = iter(texts)
    while batch := [encodable(text) for text in islice(stream, _BATCH)]:
        documents += len(batch)
        characters += sum(map(len, batch))
        size += sum(len(text.encode()) for text in batch)
        for at, subject in enumerate(subjects):
            encodings = subject.tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            if subject.first_new_id is None:
                tokens[at] += sum(map(len, encodings))
                continue
            ids_T = np.concatenate([np.asarray(e.ids, dtype=np.int64) for e in encodings])
            new_T = ids_T[ids_T >= subject.first_new_id] - subject.first_new_id
            tokens[at] += len(ids_T)
            new_tokens[at] += len(new_T)
            used[at][new_T] = True
    return [
        Measure(
            subject.name,
            name,
            documents,
            characters,
            size,
            tokens[at],
            None if subject.first_new_id is None else float(used[at].mean()),
            None if subject.first_new_id is None else new_tokens[at] / max(tokens[at], 1),
        )
        for at, subject in enumerate(subjects)
    ]
