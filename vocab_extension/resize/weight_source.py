"""A model folder that can be resized: its settings, its files, where its two matrices lie; or why it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError
from hanhua.progress import say
from hanhua.vocab_extension.resize.shards import ITEM_BYTES, tensor_rows
from hanhua.weights import StoredTensor, read_header, weight_files

EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"
DEFAULT_INITIALIZER_RANGE = 0.02
_SLICE_BYTES = 1 << 24


@dataclass(frozen=True)
class Source:
    """A checked model folder. matrices: the input embeddings, then the head where it is a matrix of its own.

    settings: of `config.json`, with `tie_word_embeddings` as the weights have it. left_out: tensors that are stored
    though they are copies of others.
    """

    folder: Path
    settings: dict[str, Any]
    files: list[Path]
    matrices: dict[str, StoredTensor]
    left_out: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        """Rows of the vocabulary."""
        return self.matrices[EMBEDDINGS].shape[0]

    @property
    def tied(self) -> bool:
        """Whether the embeddings are the head too."""
        return bool(self.settings.get("tie_word_embeddings"))

    @property
    def initializer_range(self) -> float:
        """Standard deviation the model's own rows began with."""
        return float(self.settings.get("initializer_range", DEFAULT_INITIALIZER_RANGE))


def open_source(model: Path) -> Source:
    """Return a model folder, or raise InputError for one whose rows cannot be written as they are."""
    settings = read_json(model / "config.json")
    quantized = settings.get("quantization_config")
    if quantized:
        method = quantized.get("quant_method", "an unnamed method") if isinstance(quantized, dict) else quantized
        raise InputError(
            f"{model}: quantized ({method}), and new rows are to be trained with the weights as they were: "
            "resize the unquantized model, train it, then quantize that"
        )
    files = weight_files(model)
    matrices = _matrices(model, files)
    if not settings.get("tie_word_embeddings") or HEAD not in matrices:
        return Source(model, settings, files, matrices)
    return _one_or_two_heads(model, settings, files, matrices)


def _one_or_two_heads(
    model: Path, settings: dict[str, Any], files: list[Path], matrices: dict[str, StoredTensor]
) -> Source:
    """Return the model with one matrix where the stored head is a copy, and untied where it is another one.

    transformers takes a stored head for the head even where `config.json` says tied: rows trained in the one matrix
    would be lost behind an old copy of the other.
    """
    if _same_values(matrices[EMBEDDINGS], matrices[HEAD]):
        say(f"{model}: {HEAD} is a copy of the embeddings, and config.json says tied: one matrix is kept")
        return Source(model, settings, files, {EMBEDDINGS: matrices[EMBEDDINGS]}, frozenset({HEAD}))
    say(
        f"{model}: config.json says tied (tie_word_embeddings: true), and {HEAD} has other values than the embeddings: "
        "both are kept, and the setting becomes false. If they should be one, remove the head from the file first"
    )
    return Source(model, {**settings, "tie_word_embeddings": False}, files, matrices)


def _same_values(a: StoredTensor, b: StoredTensor) -> bool:
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    one, other = tensor_rows(a), tensor_rows(b)
    step = max(1, _SLICE_BYTES * a.shape[0] // max(a.size_bytes, 1))
    return all(bool((one[at : at + step] == other[at : at + step]).all()) for at in range(0, a.shape[0], step))


def _matrices(model: Path, files: list[Path]) -> dict[str, StoredTensor]:
    """Return the input embeddings and, when it is stored, the head; the head follows in a fixed order."""
    places = {place.name: place for file in files for place in read_header(file)[0]}
    found = {name: places[name] for name in (EMBEDDINGS, HEAD) if name in places}
    if EMBEDDINGS not in found:
        near = [name for name in places if "embed" in name or "head" in name] or sorted(places)[:5]
        raise InputError(f"{model}: no tensor {EMBEDDINGS}; found {', '.join(near)}. Only Llama models are supported")
    for place in found.values():
        if place.dtype not in ITEM_BYTES:
            allowed = ", ".join(ITEM_BYTES)
            raise InputError(
                f"{model}: {place.name} is {place.dtype}, and must be one of {allowed}: resize first, then quantize"
            )
    if HEAD in found and found[HEAD].shape[0] != found[EMBEDDINGS].shape[0]:
        rows = {name: place.shape[0] for name, place in found.items()}
        raise InputError(f"{model}: embeddings and head differ in rows: {rows}")
    return found
