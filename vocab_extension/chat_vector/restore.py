"""Writes adapted + scale × (instruct - base) as a model folder, one tensor at a time, in the memory of a slice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hanhua.artifacts.store import check_free_space
from hanhua.errors import InputError
from hanhua.progress import Progress, say
from hanhua.vocab_extension.chat_vector.base_check import BaseCheck, check_shared_base, measure_shared_base
from hanhua.vocab_extension.chat_vector.chat_settings import ChatSettings, take_over
from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
from hanhua.vocab_extension.chat_vector.difference import NO_IDS, NewRows, restored_bytes
from hanhua.vocab_extension.chat_vector.models import Models, open_models
from hanhua.vocab_extension.chat_vector.scales import Scales
from hanhua.vocab_extension.chat_vector.special_rows import SpecialRows, find_special_rows
from hanhua.vocab_extension.resize.pieces import plan_rows
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD
from hanhua.weights import read_header

Pieces = Callable[[], Iterator[bytes]]
_NAMES_SHOWN = 6


@dataclass(frozen=True)
class Restored:
    """What was done.

    special: by matrix, special tokens whose rows only the instruct model trained; taken from it where `repaired`.
    changed_new_rows: new tokens whose rows got the mean of their pieces' differences.
    """

    first_new_id: int
    vocab_size: int
    tied: bool
    changed_new_rows: int
    special: dict[str, dict[str, int]]
    repaired: bool
    base_check: BaseCheck
    chat_settings: ChatSettings

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return asdict(self)


def restore_folder(adapted: Path, *, base: Path, instruct: Path, out: Path, config: ChatVectorConfig) -> Restored:
    """Write the adapted model with what tuning gave the instruct model into `out`.

    Old rows and all other tensors are adapted + scale × (instruct - base), in float32 and then the adapted dtype.
    Raises InputError, naming the model, when the three do not come from one base, before anything is written.
    """
    models = open_models(adapted, base=base, instruct=instruct)
    scales = Scales.of(config.scale, config.scales)
    _check_groups(models, scales)
    base_check = measure_shared_base(models.triples())
    if config.check_bases:
        check_shared_base(models, base_check)
    out.mkdir(parents=True, exist_ok=True)
    check_free_space(out, sum(file.stat().st_size for file in models.adapted.source.files))
    special = find_special_rows(models)
    _say_special(special, repaired=config.repair_special_rows)
    new = _new_rows(models, special) if config.new_rows == "mean" else None
    chat_settings = take_over(models, out)
    _write_weights(models, out, _plan(models, scales, special if config.repair_special_rows else None, new))
    return Restored(
        first_new_id=models.first_new_id,
        vocab_size=models.adapted.source.rows,
        tied=models.adapted.source.tied,
        changed_new_rows=len(new.pieces) if new is not None else 0,
        special=special.names,
        repaired=config.repair_special_rows,
        base_check=base_check,
        chat_settings=chat_settings,
    )


def _check_groups(models: Models, scales: Scales) -> None:
    layers = int(models.base.source.settings["num_hidden_layers"])
    beyond = scales.beyond(layers)
    if beyond:
        raise InputError(f"scales: {beyond[0]} reaches behind the last layer; the model has {layers}, from 0")
    if models.adapted.source.tied and any(group.name == "head" for group in scales.groups):
        say("scales: the head is the embeddings (tied), so the group head holds the last norm alone")


def _new_rows(models: Models, special: SpecialRows) -> NewRows | None:
    file, first = models.adapted.bpe, models.first_new_id
    if file.size <= first:
        return None
    return NewRows(plan_rows(file, first, file.size).pieces, special.trained())


def _plan(models: Models, scales: Scales, repaired: SpecialRows | None, new: NewRows | None) -> dict[str, Pieces]:
    """Return what writes each tensor, by name."""
    plan: dict[str, Pieces] = {}
    for name, triple in models.triples().items():
        matrix = name in (EMBEDDINGS, HEAD)
        plan[name] = partial(
            restored_bytes,
            triple,
            scale=scales.of_tensor(name),
            taken=repaired.ids(name) if repaired is not None and matrix else NO_IDS,
            new=new if matrix else None,
        )
    return plan


def _write_weights(models: Models, out: Path, plan: Mapping[str, Pieces]) -> None:
    files = models.adapted.source.files
    total = sum(file.stat().st_size for file in files)
    with Progress("restoring", total=total // 1_000_000, unit="MB") as bar:
        for file in files:
            _write_file(file, out / file.name, plan, bar)


def _write_file(source: Path, target: Path, plan: Mapping[str, Pieces], bar: Progress) -> None:
    """Write one file under the header of the adapted one: no shape and no dtype changes."""
    tensors, _ = read_header(source)
    with source.open("rb") as old, target.open("wb") as new:
        new.write(old.read(min(tensor.begin for tensor in tensors)))
        for tensor in tensors:
            for piece in plan[tensor.name]():
                new.write(piece)
            if new.tell() != tensor.end:
                raise ValueError(f"{target}: {tensor.name} ends at {new.tell():,}, and {tensor.end:,} was announced")
            bar.advance(tensor.size_bytes // 1_000_000, note=tensor.name)
        new.flush()
        os.fsync(new.fileno())


def _say_special(special: SpecialRows, *, repaired: bool) -> None:
    for matrix, names in special.names.items():
        if names:
            shown = ", ".join(list(names)[:_NAMES_SHOWN]) + (" …" if len(names) > _NAMES_SHOWN else "")
            what = "taken from the instruct model" if repaired else "scaled like the rest; --repair-special-rows"
            say(f"{matrix}: {len(names)} special rows the base never trained ({shown}): {what}")
