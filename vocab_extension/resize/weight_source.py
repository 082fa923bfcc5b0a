"""A model folder that can be resized: its settings, its files, where its two matrices lie; or why it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError
from hanhua.vocab_extension.resize.shards import ITEM_BYTES
from hanhua.weights import StoredTensor, read_header, weight_files

EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"
DEFAULT_INITIALIZER_RANGE = 0.02


@dataclass(frozen=True)
class Source:
    """A checked model folder. matrices: the input embeddings, then the head where one is stored."""

    folder: Path
    settings: dict[str, Any]
    files: list[Path]
    matrices: dict[str, StoredTensor]

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
    return Source(model, settings, files, _matrices(model, files))


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
