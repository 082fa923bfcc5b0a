"""Model folders: their tokenizer, their size, and whether weights, tokenizer and new tokens fit together. No torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError
from hanhua.weights import read_header, weight_files

ARCHITECTURE = "llama"


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the fast tokenizer; special tokens written out in a text are encoded as text, not as themselves."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{folder}: no tokenizer.json in this folder")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def check_sizes(folder: Path, *, first_new_id: int | None) -> int:
    """Return the vocabulary rows of a model folder; refuse one that does not fit its tokenizer or `first_new_id`."""
    config = read_json(folder / "config.json")
    if config.get("model_type") != ARCHITECTURE:
        raise InputError(f"{folder}: a {config.get('model_type')!r} model; only the Llama architecture is supported")
    rows = int(config["vocab_size"])
    tokens = max(load_tokenizer(folder).get_vocab(with_added_tokens=True).values()) + 1
    if tokens > rows:
        raise InputError(
            f"{folder}: the tokenizer has {tokens:,} tokens and the model {rows:,} rows; "
            "resize the model first (vocab-extension resize)"
        )
    if first_new_id is not None and not 0 < first_new_id < tokens:
        raise InputError(f"{folder}: new tokens begin at {first_new_id:,}, but the tokenizer has {tokens:,} tokens")
    return rows


def embedding_rows(folder: Path) -> int:
    """Return the rows of the input embedding in a folder's weights, reading headers only."""
    for path in weight_files(folder):
        for tensor in read_header(path)[0]:
            if tensor.name.endswith("embed_tokens.weight"):
                return tensor.shape[0]
    raise InputError(f"{folder}: no embed_tokens.weight in its weights")


def model_facts(folder: Path) -> dict[str, Any]:
    """Return size and shape of a model folder for a manifest, from headers only."""
    settings = read_json(folder / "config.json")
    shapes = [tensor.shape for path in weight_files(folder) for tensor in read_header(path)[0]]
    return {
        "parameters": sum(map(math.prod, shapes)),
        "vocab_size": settings["vocab_size"],
        "hidden_size": settings["hidden_size"],
        "layers": settings["num_hidden_layers"],
        "tied": bool(settings.get("tie_word_embeddings", False)),
    }
