"""A model folder before it is loaded: everything that can be wrong is reported before any work. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from hanhua.artifacts.files import read_json, sha256_of
from hanhua.artifacts.manifest import content_hash, hash_files
from hanhua.errors import InputError


@dataclass(frozen=True)
class ModelFolder:
    """A checked model folder.

    name: what scores call it. content_hash: of weights and tokenizer, the key of cached responses.
    rows: rows of the embedding; tokens: one more than the tokenizer's highest id, at most `rows`.
    max_tokens: longest input the model was made for. kv_bytes_per_token: keys and values, two bytes a number.
    tokenizer: reads special tokens as plain text; the model's own, for prompts, comes with the loaded model.
    """

    name: str
    folder: Path
    content_hash: str
    rows: int
    tokens: int
    bos_id: int
    max_tokens: int
    kv_bytes_per_token: int
    has_chat_template: bool
    tokenizer: Tokenizer

    def same_tokenizer(self, other: ModelFolder) -> bool:
        """Return whether two models read text alike, however their files are laid out."""
        ours, theirs = (model.folder / "tokenizer.json" for model in (self, other))
        return sha256_of(ours) == sha256_of(theirs) or _encoding_rules(ours) == _encoding_rules(theirs)


def open_model_folder(name: str, folder: Path, *, hash_of_content: str | None = None) -> ModelFolder:
    """Check a model folder and describe it; its content is hashed unless the hash is given.

    Raises InputError for a missing folder, config, weights, tokenizer or BOS token, and for a tokenizer
    with more ids than the model has rows.
    """
    if not folder.is_dir():
        raise InputError(f"model {name!r}: {folder} is not a folder")
    config = _read_object(folder / "config.json", name, "a Hugging Face model folder has one")
    if not any(folder.glob("*.safetensors")):
        raise InputError(f"model {name!r}: no .safetensors weights in {folder} (pickled .bin weights are not read)")
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"model {name!r}: no tokenizer.json in {folder}; save its tokenizer next to the weights")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise InputError(f"model {name!r}: {path} is not a readable tokenizer ({error})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # A document that spells out `<|end_of_text|>` is text like any other.
    tokenizer.encode_special_tokens = True
    tokens = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    rows = config.get("vocab_size")
    if not isinstance(rows, int):
        raise InputError(f"model {name!r}: {folder / 'config.json'} names no vocab_size")
    if tokens > rows:
        raise InputError(
            f"model {name!r}: its tokenizer has {tokens:,} ids, its embedding {rows:,} rows; "
            "resize the model to this tokenizer first (vocab-extension resize)"
        )
    settings = _read_object(folder / "tokenizer_config.json", name, "transformers saves one with the tokenizer")
    bos = settings.get("bos_token")
    bos_token = bos.get("content") if isinstance(bos, dict) else bos
    bos_id = tokenizer.token_to_id(bos_token) if bos_token else None
    if bos_id is None:
        raise InputError(f"model {name!r}: its tokenizer names no beginning-of-text token (found {bos_token!r})")
    return ModelFolder(
        name=name,
        folder=folder,
        content_hash=hash_of_content or content_hash(hash_files(folder)),
        rows=rows,
        tokens=tokens,
        bos_id=bos_id,
        max_tokens=int(config.get("max_position_embeddings") or 8192),
        kv_bytes_per_token=_kv_bytes_per_token(config),
        has_chat_template="chat_template" in settings or (folder / "chat_template.jinja").is_file(),
        tokenizer=tokenizer,
    )


def _kv_bytes_per_token(config: dict[str, Any]) -> int:
    heads = config.get("num_attention_heads") or 1
    head_size = config.get("head_dim") or config.get("hidden_size", 0) // heads
    return 2 * 2 * int(config.get("num_hidden_layers", 0) * (config.get("num_key_value_heads") or heads) * head_size)


def _read_object(path: Path, name: str, advice: str) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"model {name!r}: no {path.name} in {path.parent}; {advice}")
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: a JSON {type(data).__name__}, where an object was expected")
    return data


def _encoding_rules(path: Path) -> dict[str, Any]:
    """Return all of a tokenizer.json but truncation and padding, which saving a tokenizer may add."""
    return {key: value for key, value in read_json(path).items() if key not in ("truncation", "padding")}
