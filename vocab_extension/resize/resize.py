"""Gives a model rows for the new tokens, one shard at a time: memory for a block of rows, whatever the model's size.

Shape suffixes: V base rows, C rows of one slice, B new rows of one block, D width.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import HanhuaError, InputError
from hanhua.progress import Progress, say
from hanhua.vocab_extension.extend import EXTENSION_JSON, SETTINGS, copy_settings
from hanhua.vocab_extension.resize.base_rows import Floats, Rows, examine_rows
from hanhua.vocab_extension.resize.config import ResizeConfig
from hanhua.vocab_extension.resize.initialization import Methods, Side, row_blocks
from hanhua.vocab_extension.resize.pieces import plan_rows, token_name, unread_ids
from hanhua.vocab_extension.resize.shards import Growth, from_float32, tensor_rows, write_grown
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD, Source, open_source
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, BpeFile, read_bpe_file
from hanhua.weights import INDEX, read_header

GENERATION_CONFIG = "generation_config.json"
_OLD_VOCABULARY = ("tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json")
WEIGHT_SUFFIXES = {".safetensors", ".bin", ".pth", ".pt", ".gguf"}
_NAMES_SHOWN = 4


@dataclass(frozen=True)
class Resized:
    """What was done.

    vocab_size: rows, `padded_rows` of them (the last) without a token. untrained: by matrix, the base tokens whose
    rows were never trained, with their ids.
    """

    first_new_id: int
    vocab_size: int
    method: str
    tied: bool
    untrained: dict[str, dict[str, int]]
    padded_rows: int = 0


def resize_folder(model: Path, *, tokenizer: Path, out: Path, config: ResizeConfig) -> Resized:
    """Write `model` with rows for the new tokens of `tokenizer`, and that tokenizer, into `out`.

    Every old row and every other tensor keeps its bytes; config, generation config, chat template travel
    unchanged but for `vocab_size`. Raises InputError when the two do not belong together, HanhuaError when
    the disk has too little room.
    """
    return grow_model(model, tokenizer=tokenizer, out=out, methods=Methods.parse(config.method), seed=config.seed)


def grow_model(model: Path, *, tokenizer: Path, out: Path, methods: Methods, seed: int, pad_to: int = 1) -> Resized:
    """Do what `resize_folder` does, with a method of its own for each matrix.

    pad_to: end with rows without a token, so that their number is a multiple of this. Such a row is the mean of the
    trained ones: its logit is the mean of theirs and never the greatest; the generation config suppresses it too.
    Spare rows of a base that was padded beyond its tokenizer are used first; what is left of them becomes such rows.
    """
    source = open_source(model)
    bpe = read_bpe_file(tokenizer)
    first, size = _new_ids(source, tokenizer, bpe)
    rows_after = -(-max(size, _padded(source, first)) // pad_to) * pad_to
    check_room(source, rows_after - first, out)
    plan = plan_rows(bpe, first, size)
    grown: dict[str, Growth] = {}
    untrained: dict[str, dict[str, int]] = {}
    for name, rows in examined_matrices(source, bpe, first).items():
        untrained[name] = {token_name(bpe, id_): id_ for id_ in rows.untrained_ids}
        if untrained[name]:
            _say_untrained(name, list(untrained[name]))
        side: Side = "output" if name == HEAD and not source.tied else "input"
        method = methods.output if side == "output" else methods.input
        blocks = partial(
            row_blocks, method, rows, plan, side=side, seed=seed, initializer_range=source.initializer_range
        )
        grown[name] = Growth(rows_after - first, partial(_stored, blocks, rows, padding=rows_after - size), kept=first)
    out.mkdir(parents=True, exist_ok=True)
    write_weights(source, out, grown)
    write_rest(model, tokenizer, out, {**source.settings, "vocab_size": rows_after})
    if rows_after > size:
        suppress_ids(out / GENERATION_CONFIG, range(size, rows_after))
    return Resized(first, rows_after, str(methods), source.tied, untrained, rows_after - size)


def examined_matrices(source: Source, bpe: BpeFile, first: int) -> dict[str, Rows]:
    """Return the rows of each matrix; a token that was never an input was never a target either."""
    suspects = unread_ids(bpe, first)
    unseen = np.zeros(0, dtype=np.int64)
    found = {}
    for name, place in source.matrices.items():
        found[name] = examine_rows(tensor_rows(place)[:first], place.dtype, suspects=suspects, unseen=unseen)
        unseen = np.flatnonzero(~found[name].trained_V)
    return found


def _new_ids(source: Source, tokenizer: Path, bpe: BpeFile) -> tuple[int, int]:
    """Return the first new id and the new size, or raise InputError when tokenizer and model do not match."""
    rows, model = source.rows, source.folder
    used = rows_with_token(source)
    if (tokenizer / EXTENSION_JSON).is_file():
        first = int(read_json(tokenizer / EXTENSION_JSON)["first_new_id"])
    else:
        first = used
    if first != used:
        has = f"{rows:,} rows" if used == rows else f"{rows:,} rows, {used:,} of them with a token"
        raise InputError(
            f"{tokenizer}: extends a vocabulary of {first:,}, and {model} has {has}; "
            "resize the model whose tokenizer was extended"
        )
    if bpe.size <= first:
        raise InputError(f"{tokenizer}: {bpe.size:,} tokens, and {model} has {first:,} rows already: nothing to add")
    if first < rows:
        taken = min(bpe.size, rows) - first
        say(f"{model}: {rows - first:,} rows have no token; {taken:,} of them become rows of new tokens")
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


def rows_with_token(source: Source) -> int:
    """Return how many of a model's rows its own tokenizer has a token for: all, where it has none or was not padded."""
    folder = source.folder
    return min(read_bpe_file(folder).size, source.rows) if (folder / TOKENIZER_JSON).is_file() else source.rows


def _padded(source: Source, first: int) -> int:
    """Return the rows of a base with spare ones, which were a round number for a reason; 0 for a base without."""
    return source.rows if source.rows > first else 0


def check_room(source: Source, new_rows: int, out: Path) -> None:
    """Raise HanhuaError when the second copy does not fit, before anything is written."""
    needed = sum(file.stat().st_size for file in source.files)
    needed += sum(place.size_bytes // place.shape[0] * new_rows for place in source.matrices.values())
    place = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise HanhuaError(
            f"{out}: the resized model takes {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free there; "
            "free some space, or name an --out on another disk"
        )


def _say_untrained(name: str, tokens: list[str]) -> None:
    shown = ", ".join(tokens[:_NAMES_SHOWN]) + (" …" if len(tokens) > _NAMES_SHOWN else "")
    say(f"{name}: {len(tokens)} rows were never trained, and are left out of every mean and norm: {shown}")


def _stored(blocks: Callable[[], Iterator[Floats]], rows: Rows, *, padding: int) -> Iterator[bytes]:
    for block_BD in blocks():
        yield from_float32(block_BD, rows.dtype).tobytes()
    if padding:
        mean_D = rows.mean_over(np.flatnonzero(rows.trained_V), lambda rows_CD: rows_CD).astype(np.float32)
        yield from_float32(mean_D, rows.dtype).tobytes() * padding


def suppress_ids(path: Path, ids: range) -> None:
    """Add ids to those that generation never gives, in a generation config."""
    settings = read_json(path) if path.is_file() else {}
    write_json(path, {**settings, "suppress_tokens": [*(settings.get("suppress_tokens") or []), *ids]})


def write_weights(source: Source, out: Path, grown: Mapping[str, Growth]) -> None:
    """Write the weight files, and their index, with other rows in the named tensors."""
    total, stored = 0, set[str]()
    size = sum(file.stat().st_size for file in source.files)
    with Progress("writing weights", total=size // 1_000_000, unit="MB") as bar:
        for file in source.files:
            inside = {place.name for place in read_header(file)[0]} - source.left_out
            if inside:
                stored |= inside
                some = {name: growth for name, growth in grown.items() if name in inside}
                total += write_grown(file, out / file.name, some, left_out=source.left_out)
            bar.advance(file.stat().st_size // 1_000_000, note=file.name)
    if (source.folder / INDEX).is_file():
        index = read_json(source.folder / INDEX)
        metadata = {**index.get("metadata", {}), "total_size": total}
        if "total_parameters" in metadata:
            metadata["total_parameters"] += _parameters_more(source, grown)
        # Some indexes name a tied head that no file has.
        weight_map = {name: file for name, file in index["weight_map"].items() if name in stored}
        write_json(out / INDEX, {**index, "metadata": metadata, "weight_map": weight_map})


def _parameters_more(source: Source, grown: Mapping[str, Growth]) -> int:
    rows = {name: growth.shape(source.matrices[name])[0] - source.rows for name, growth in grown.items()}
    rows |= dict.fromkeys(source.left_out, -source.rows)
    return sum(number * source.matrices[EMBEDDINGS].shape[1] for number in rows.values())


def write_rest(model: Path, tokenizer: Path, out: Path, settings: dict[str, Any]) -> None:
    """Copy what else is in the model's folder, then the extended tokenizer over it."""
    copy_others(model, out, settings)
    # The model's own settings first: an extended tokenizer made elsewhere may come without a chat template.
    copy_settings(model, out)
    copy_settings(tokenizer, out)
    for name in (TOKENIZER_JSON, EXTENSION_JSON):
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, out / name)


def copy_others(model: Path, out: Path, settings: dict[str, Any]) -> None:
    """Copy what is neither weights nor tokenizer, and write `settings` as config.json."""
    left_out = {INDEX, "config.json", "manifest.json", *_OLD_VOCABULARY, TOKENIZER_JSON, *SETTINGS}
    for path in sorted(model.iterdir()):
        if path.is_file() and path.suffix not in WEIGHT_SUFFIXES and path.name not in left_out:
            shutil.copyfile(path, out / path.name)
    (out / "config.json").write_text(json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
