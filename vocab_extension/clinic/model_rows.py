"""A model's rows in the order of a mended tokenizer's ids. No tensor but the two matrices is touched.

Shape suffixes: V rows as stored, C rows of one slice, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import InputError
from hanhua.vocab_extension.extend import copy_settings
from hanhua.vocab_extension.resize.resize import GENERATION_CONFIG, check_room, copy_others, write_weights
from hanhua.vocab_extension.resize.shards import Growth, from_float32, tensor_rows, to_float32
from hanhua.vocab_extension.resize.weight_source import Source, open_source
from hanhua.weights import StoredTensor

_SLICE_ROWS = 1024
_IDS = (
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
)


def open_rows(model: Path, sources: Sequence[int]) -> Source:
    """Return the model; InputError when it has no row for one of the ids."""
    source = open_source(model)
    if max(sources) >= source.rows:
        raise InputError(
            f"{model}: {source.rows:,} rows, and the tokenizer has the id {max(sources):,}; "
            "name the model that was trained with this tokenizer"
        )
    return source


def write_permuted(
    source: Source,
    out: Path,
    *,
    sources: Sequence[int],
    special_ids: set[int],
    means: Mapping[int, Sequence[int]] | None = None,
) -> None:
    """Write the model with its rows in the new order, without a tokenizer, into the folder `out`.

    sources: for each new id, the old row. special_ids: ids of special tokens, at which a config's ids stay as they are.
    means: new ids whose rows are the means of those of other new ids.
    """
    check_room(source, max(0, len(sources) - source.rows), out)
    order = np.array(sources, dtype=np.int64)
    grown = {
        name: Growth(len(order), partial(_gathered, place, order, means or {}), kept=0)
        for name, place in source.matrices.items()
    }
    write_weights(source, out, grown)
    moved = {old: new for new, old in enumerate(sources)}
    settings = {**_renumbered(source.settings, moved, special_ids), "vocab_size": len(order)}
    copy_others(source.folder, out, settings)
    copy_settings(source.folder, out)
    if (source.folder / GENERATION_CONFIG).is_file():
        write_json(
            out / GENERATION_CONFIG, _renumbered(read_json(source.folder / GENERATION_CONFIG), moved, special_ids)
        )


def _gathered(place: StoredTensor, order: npt.NDArray[np.int64], means: Mapping[int, Sequence[int]]) -> Iterator[bytes]:
    rows_VD = tensor_rows(place)
    for begin in range(0, len(order), _SLICE_ROWS):
        rows_CD = rows_VD[order[begin : begin + _SLICE_ROWS]]
        for id_ in means.keys() & set(range(begin, begin + len(rows_CD))):
            pieces_CD = to_float32(rows_VD[order[list(means[id_])]], place.dtype)
            rows_CD[id_ - begin] = from_float32(pieces_CD.mean(axis=0), place.dtype)
        yield rows_CD.tobytes()


def _renumbered(settings: dict[str, Any], moved: dict[int, int], special_ids: set[int]) -> dict[str, Any]:
    """Return settings whose ids are the new ones; an id that is a special token of the base was never another's."""

    def renumber(id_: int) -> int | None:
        return id_ if id_ in special_ids else moved.get(id_)

    changed: dict[str, Any] = {}
    for key in _IDS:
        value = settings.get(key)
        if isinstance(value, list):
            changed[key] = [new for id_ in value if (new := renumber(id_)) is not None]
        elif isinstance(value, int):
            changed[key] = renumber(value)
    return {**settings, **changed}
