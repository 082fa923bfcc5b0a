"""Gives a model rows for the new tokens, one shard at a time: memory for the new rows, whatever the model's size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import InputError
from hanhua.progress import Progress, say
from hanhua.vocab_extension.choose import base_pieces
from hanhua.vocab_extension.config import InitialiseConfig
from hanhua.vocab_extension.extend import EXTENSION_JSON, SETTINGS, copy_settings
from hanhua.vocab_extension.initialise import Plan, Side, examine_rows, new_rows
from hanhua.vocab_extension.samples import HAS_HAN
from hanhua.vocab_extension.shards import ITEM_BYTES, from_float32, tensor_rows, write_grown
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, BpeFile, read_bpe_file
from hanhua.weights import INDEX, StoredTensor, read_header, weight_files

EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"
_SLICE_ROWS = 4096
_OLD_VOCABULARY = ("tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json")


@dataclass(frozen=True)
class Resized:
    """What was done. untrained: base ids whose rows were never trained, by matrix."""

    first_new_id: int
    vocab_size: int
    method: str
    tied: bool
    untrained: dict[str, list[int]]


def resize_folder(model: Path, *, tokenizer: Path, out: Path, config: InitialiseConfig) -> Resized:
    """Write `model` with rows for the new tokens of `tokenizer`, and that tokenizer, into `out`.

    Every old row and every other tensor keeps its bytes; config, generation config, chat template travel
    unchanged but for `vocab_size`. Raises InputError when the two do not belong together.
    """
    settings = read_json(model / "config.json")
    files = weight_files(model)
    matrices = _matrices(model, files)
    bpe = read_bpe_file(tokenizer)
    first, size = _new_ids(model, tokenizer, bpe, matrices)
    plan = _plan(bpe, first, size)
    grown: dict[str, tuple[int, Callable[[], Iterator[bytes]]]] = {}
    untrained = {}
    for name, place in matrices.items():
        side: Side = "output" if name == HEAD and EMBEDDINGS in matrices and not _tied(settings) else "input"
        rows = examine_rows(tensor_rows(place), place.dtype)
        untrained[name] = [int(id_) for id_ in np.flatnonzero(~rows.trained_V)]
        spread = float(settings.get("initializer_range", 0.02))
        made = new_rows(config.method, rows, plan, side=side, seed=config.seed, initializer_range=spread)
        grown[name] = (size - first, _stored(from_float32(made, place.dtype)))
        if untrained[name]:
            say(f"{name}: {len(untrained[name])} rows were never trained, and are left out of every mean and norm")
    out.mkdir(parents=True, exist_ok=True)
    _write_weights(model, files, out, grown)
    _write_rest(model, tokenizer, out, {**settings, "vocab_size": size})
    return Resized(first, size, config.method, _tied(settings), untrained)


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
                f"{model}: {place.name} is {place.dtype}, and must be one of {allowed}: resize first, then quantise"
            )
    if HEAD in found and found[HEAD].shape[0] != found[EMBEDDINGS].shape[0]:
        rows = {name: place.shape[0] for name, place in found.items()}
        raise InputError(f"{model}: embeddings and head differ in rows: {rows}")
    return found


def _new_ids(model: Path, tokenizer: Path, bpe: BpeFile, matrices: dict[str, StoredTensor]) -> tuple[int, int]:
    """Return the first new id and the new size, or raise InputError when tokenizer and model do not match."""
    rows = matrices[EMBEDDINGS].shape[0]
    if (tokenizer / EXTENSION_JSON).is_file():
        first = int(read_json(tokenizer / EXTENSION_JSON)["first_new_id"])
    else:
        first = rows
    if first != rows:
        raise InputError(
            f"{tokenizer}: extends a vocabulary of {first:,}, and {model} has {rows:,} rows; "
            "resize the model whose tokenizer was extended"
        )
    if bpe.size <= rows:
        raise InputError(f"{tokenizer}: {bpe.size:,} tokens, and {model} has {rows:,} rows already: nothing to add")
    if (model / TOKENIZER_JSON).is_file():
        old = read_bpe_file(model)
        moved = [token for token, id_ in old.vocab.items() if bpe.vocab.get(token) != id_]
        theirs = {token["content"]: token["id"] for token in bpe.added}
        moved += [token["content"] for token in old.added if theirs.get(token["content"]) != token["id"]]
        if moved:
            raise InputError(
                f"{tokenizer}: {len(moved):,} tokens of {model / TOKENIZER_JSON} have other ids there "
                f"(first: {moved[0]!r}); it extends another tokenizer"
            )
    return first, bpe.size


def _plan(bpe: BpeFile, first: int, size: int) -> Plan:
    """Cut each new token into base tokens, on bytes, by the base's merges alone."""
    base = base_part(bpe, first)
    tokens = [bpe.bytes_of.get(id_) for id_ in range(first, size)]
    if None in tokens:
        raise InputError(
            f"{bpe.place}: id {first + tokens.index(None)} is no ordinary token; run vocab-extension verify"
        )
    spelled = [token for token in tokens if token is not None]
    ids = {data: id_ for id_, data in base.bytes_of.items()}
    pieces_of = base_pieces(base, spelled)
    pieces = [[ids[piece] for piece in pieces_of[token]] for token in spelled]
    # A third of a character's bytes is a third of a character.
    weights = [[len(piece) / 3 for piece in pieces_of[token]] for token in spelled]
    return Plan(pieces, weights, np.array([i for i, data in base.bytes_of.items() if _is_han(data)], dtype=np.int64))


def base_part(bpe: BpeFile, first: int) -> BpeFile:
    """Return the base an extended file holds: ids below `first`, and the merges among them."""
    vocab = {token: id_ for token, id_ in bpe.vocab.items() if id_ < first}
    kept = [merge for merge in bpe.merges if "".join(merge) in vocab]
    merges = [list(merge) for merge in kept if merge[0] in vocab and merge[1] in vocab]
    return BpeFile(bpe.place, {**bpe.data, "model": {**bpe.data["model"], "vocab": vocab, "merges": merges}})


def _is_han(data: bytes) -> bool:
    try:
        return bool(HAS_HAN.search(data.decode()))
    except UnicodeDecodeError:
        return False


def _stored(rows_ND: Any) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        for at in range(0, len(rows_ND), _SLICE_ROWS):
            yield np.ascontiguousarray(rows_ND[at : at + _SLICE_ROWS]).tobytes()

    return pieces


def _tied(settings: dict[str, Any]) -> bool:
    return bool(settings.get("tie_word_embeddings"))


def _write_weights(
    model: Path, files: list[Path], out: Path, grown: dict[str, tuple[int, Callable[[], Iterator[bytes]]]]
) -> None:
    total = 0
    with Progress("writing weights", total=len(files), unit="files") as bar:
        for file in files:
            inside = {place.name for place in read_header(file)[0]}
            total += write_grown(file, out / file.name, {n: g for n, g in grown.items() if n in inside})
            bar.advance(note=file.name)
    if (model / INDEX).is_file():
        index = read_json(model / INDEX)
        index["metadata"] = {**index.get("metadata", {}), "total_size": total}
        if "total_parameters" in index["metadata"]:
            del index["metadata"]["total_parameters"]
        write_json(out / INDEX, index)


def _write_rest(model: Path, tokenizer: Path, out: Path, settings: dict[str, Any]) -> None:
    """Copy what else is in the model's folder, then the extended tokenizer over it."""
    weights = {".safetensors", ".bin", ".pth", ".pt", ".gguf"}
    left_out = {INDEX, "config.json", "manifest.json", *_OLD_VOCABULARY, TOKENIZER_JSON, *SETTINGS}
    for path in sorted(model.iterdir()):
        if path.is_file() and path.suffix not in weights and path.name not in left_out:
            shutil.copyfile(path, out / path.name)
    (out / "config.json").write_text(json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    # The model's own settings first: an extended tokenizer made elsewhere may come without a chat template.
    copy_settings(model, out)
    copy_settings(tokenizer, out)
    for name in (TOKENIZER_JSON, EXTENSION_JSON):
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, out / name)
