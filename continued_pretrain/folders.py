"""Model folders: which files, and do weights, tokenizer and new tokens fit together. No torch."""

from __future__ import annotations

from pathlib import Path

from hanhua.artifacts.files import read_json
from hanhua.continued_pretrain.pack import load_tokenizer
from hanhua.errors import InputError

ARCHITECTURE = "llama"
INDEX = "model.safetensors.index.json"


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold a model's weights: the shards its index names, or `model.safetensors`.

    Other safetensors files beside them (a second copy in another format, say) are none of its own.
    """
    index = folder / INDEX
    if index.is_file():
        return [folder / name for name in sorted(set(read_json(index)["weight_map"].values()))]
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else []


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
