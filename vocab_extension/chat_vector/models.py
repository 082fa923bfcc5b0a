"""The three models of a restoration, opened and checked: every reason why they do not go together, before any work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hanhua.errors import InputError
from hanhua.progress import say
from hanhua.vocab_extension.resize.shards import ITEM_BYTES
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD, Source, open_source
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, BpeFile, read_bpe_file
from hanhua.weights import StoredTensor, read_header

_DEFAULT_ROPE_THETA = 10_000.0
_SHAPE = ("hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "rms_norm_eps")


@dataclass(frozen=True)
class Triple:
    """One tensor in the three models. The first `rows` rows are common; the adapted one may have more."""

    adapted: StoredTensor
    base: StoredTensor
    instruct: StoredTensor
    rows: int

    @property
    def width(self) -> int:
        """Values in a row; 1 for a vector."""
        return math.prod(self.adapted.shape[1:])


@dataclass(frozen=True)
class Opened:
    """One model: settings, files, tokenizer, and where each tensor lies."""

    source: Source
    tensors: Mapping[str, StoredTensor]

    @property
    def place(self) -> Path:
        """Its folder."""
        return self.source.folder

    @cached_property
    def bpe(self) -> BpeFile:
        """Its tokenizer, read when it is first asked for."""
        return read_bpe_file(self.place)

    def head(self) -> StoredTensor:
        """Return the output matrix: the embeddings where they are tied."""
        return self.tensors[EMBEDDINGS if self.source.tied or HEAD not in self.tensors else HEAD]


@dataclass(frozen=True)
class Models:
    """The adapted base, the base it was, and the instruct model made of the same base."""

    adapted: Opened
    base: Opened
    instruct: Opened

    @property
    def first_new_id(self) -> int:
        """Rows of the base: the adapted model's rows from here on are new."""
        return self.base.source.rows

    def triples(self) -> dict[str, Triple]:
        """Return every tensor of the adapted model with its counterparts, by name."""
        found = {}
        for name, adapted in self.adapted.tensors.items():
            head = name == HEAD
            base, instruct = (one.head() if head else one.tensors[name] for one in (self.base, self.instruct))
            rows = self.first_new_id if name in (EMBEDDINGS, HEAD) else adapted.shape[0]
            found[name] = Triple(adapted, base, instruct, rows)
        return found


def open_models(adapted: Path, *, base: Path, instruct: Path) -> Models:
    """Open and check three model folders by settings, tokenizers and headers; no weight is read.

    Raises InputError that names the model that does not fit, and why.
    """
    models = Models(*(_opened(folder) for folder in (adapted, base, instruct)))
    _check_settings(models.base, models.instruct)
    _check_settings(models.base, models.adapted)
    _check_tied(models)
    _check_tensors(models)
    _check_ids(models)
    return models


def generation_of(settings: Mapping[str, Any]) -> str:
    """Return the Llama a model is by its rotary positions, in words: Llama 3 turns as it was, 3.1 and 3.2 stretched."""
    rope = rope_of(settings)
    if rope["rope_type"] == "default":
        return f"Llama 3 (rope theta {rope['rope_theta']:,.0f}, not stretched)"
    name = {8.0: "Llama 3.1 or 3.3", 32.0: "Llama 3.2"}.get(float(rope.get("factor", 0)), "Llama")
    return f"{name} (rope theta {rope['rope_theta']:,.0f}, {rope['rope_type']}, factor {rope.get('factor')})"


def rope_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rotary settings in one form, whichever version of transformers wrote them."""
    rope = dict(settings.get("rope_parameters") or settings.get("rope_scaling") or {})
    kind = rope.pop("type", None)
    rope.setdefault("rope_type", kind or "default")
    rope.setdefault("rope_theta", settings.get("rope_theta") or _DEFAULT_ROPE_THETA)
    return rope


def _opened(folder: Path) -> Opened:
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so this is not a Hugging Face model folder")
    source = open_source(folder)
    tensors = {tensor.name: tensor for file in source.files for tensor in read_header(file)[0]}
    odd = [tensor for tensor in tensors.values() if tensor.dtype not in ITEM_BYTES]
    if odd:
        raise InputError(f"{folder}: {odd[0].name} is {odd[0].dtype}, and must be one of {', '.join(ITEM_BYTES)}")
    return Opened(source, tensors)


def _check_settings(base: Opened, other: Opened) -> None:
    ours, theirs = base.source.settings, other.source.settings
    if rope_of(ours) != rope_of(theirs):
        raise InputError(
            f"{other.place}: a {generation_of(theirs)}, and the base {base.place} is a {generation_of(ours)}; "
            "they are not made of one base"
        )
    for key in _SHAPE:
        if ours.get(key) != theirs.get(key):
            raise InputError(
                f"{other.place}: {key} is {theirs.get(key)}, and {ours.get(key)} in the base {base.place}; "
                "they are not made of one base"
            )


def _check_tied(models: Models) -> None:
    untied = [one.place for one in (models.base, models.instruct) if not one.source.tied]
    if models.adapted.source.tied and untied:
        raise InputError(
            f"{models.adapted.place}: its embeddings are its head (tied), and {untied[0]} has a head of its own; "
            "one matrix cannot take two changes: untie the adapted model, or name models that are tied"
        )
    for one in (models.base, models.instruct):
        if one.source.tied and not models.adapted.source.tied:
            say(f"{one.place}: tied; its embeddings count as its head, since the adapted model has one of its own")


def _check_tensors(models: Models) -> None:
    for one in (models.base, models.instruct):
        for name, adapted in models.adapted.tensors.items():
            found = one.head() if name == HEAD else one.tensors.get(name)
            if found is None:
                raise InputError(f"{one.place}: no tensor {name}, which {models.adapted.place} has")
            grows = name in (EMBEDDINGS, HEAD)
            if found.shape[1:] != adapted.shape[1:] or (not grows and found.shape != adapted.shape):
                raise InputError(
                    f"{one.place}: {name} has the shape {list(found.shape)}, and {list(adapted.shape)} "
                    f"in {models.adapted.place}"
                )
    rows = {one.place: one.source.rows for one in (models.adapted, models.base, models.instruct)}
    if models.adapted.source.rows < models.first_new_id or models.instruct.source.rows < models.first_new_id:
        raise InputError(
            "the base may not have the most rows; found " + ", ".join(f"{n:,} in {p}" for p, n in rows.items())
        )


def _check_ids(models: Models) -> None:
    """Every token of the base must mean the same id everywhere; special ones may have other names in instruct."""
    base = models.base.bpe
    for one in (models.adapted, models.instruct):
        ordinary = one.bpe.bytes_of
        moved = [data for id_, data in base.bytes_of.items() if ordinary.get(id_) != data]
        if moved:
            raise InputError(
                f"{one.place / TOKENIZER_JSON}: {len(moved):,} tokens of the base {models.base.place} have other ids "
                f"there (first: {moved[0]!r}); it is not a tokenizer of this base"
            )
    beyond = [token["content"] for token in models.instruct.bpe.added if token["id"] >= models.first_new_id]
    if beyond:
        raise InputError(
            f"{models.instruct.place}: {len(beyond)} special tokens behind the base's {models.first_new_id:,} rows "
            f"({', '.join(beyond[:4])}); those ids are new Chinese tokens in the adapted model"
        )
