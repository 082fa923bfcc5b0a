"""Bits per byte of held-out sets by the model as it stands in training, and their increase with an interval.

Shape suffixes: P pieces, R resamples, S rows, B rows of a forward pass, L tokens of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from hanhua.bits import bits_of_nats
from hanhua.continued_pretrain.retention.heldout_sets import HeldoutSet, Rows
from hanhua.continued_pretrain.training_data import MicroBatch

RESAMPLES = 1000


@dataclass(frozen=True)
class Increase:
    """Bits per byte of a set, and their increase over step 0 as a share of it, with its 95% interval over pieces."""

    bits_per_byte: float
    increase: float
    low: float
    high: float


def measure_nats(module: Any, rows: Rows, accelerator: Any, *, pieces: int, micro: int) -> list[float]:
    """Return -ln p of each piece in nats. Every process calls this, and all get the numbers of the first.

    module: what is called in training, whole or sharded. micro: rows per forward pass.
    """
    total_P = np.zeros(pieces)
    with _evaluating(module), torch.no_grad():
        for low in range(0, len(rows.piece_SL), micro):
            chosen = slice(low, low + micro)
            part = MicroBatch.of(rows.batch, chosen, accelerator.device)
            _, nats_BL = module(part.input_ids_BL, part.position_ids_BL, part.labels_BL, part.documents)
            _add(total_P, nats_BL.detach().double().cpu().numpy(), rows.piece_SL[chosen])
    if accelerator.num_processes == 1:
        return [float(nats) for nats in total_P]
    from accelerate.utils import broadcast

    # What follows from these numbers must be the same everywhere, to the last bit.
    shared = broadcast(torch.from_numpy(total_P).to(accelerator.device))
    return [float(nats) for nats in shared.cpu()]


def _add(total_P: npt.NDArray[np.float64], nats_SL: npt.NDArray[np.float64], piece_SL: npt.NDArray[np.int64]) -> None:
    known = piece_SL >= 0
    total_P += np.bincount(piece_SL[known], weights=nats_SL[known], minlength=len(total_P))


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Turn dropout off, and leave each layer as it was: not all of them are in training mode while training."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
        if isinstance(module, FSDPModule):
            # The outermost group stays gathered until a backward pass; without one, the next step gives it no gradient.
            module.reshard()


def bits_per_byte(one: HeldoutSet, nats: Sequence[float]) -> float:
    """Return the bits per byte of a set, from the nats of its pieces."""
    return bits_of_nats(sum(nats)) / sum(one.bytes)


def increase_over(one: HeldoutSet, start: Sequence[float], now: Sequence[float]) -> Increase:
    """Return how much more a set costs now than at the start; the pieces are paired.

    >>> found = increase_over(HeldoutSet("x", True, ("ab", "cd")), [1.0, 1.0], [1.1, 1.1])
    >>> round(found.increase, 6), round(found.low, 6), round(found.high, 6)
    (0.1, 0.1, 0.1)
    """
    start_P, now_P = np.asarray(start), np.asarray(now)
    drawn_RP = np.random.default_rng(0).integers(0, len(start_P), size=(RESAMPLES, len(start_P)))
    ratio_R = now_P[drawn_RP].sum(axis=1) / start_P[drawn_RP].sum(axis=1) - 1
    low, high = np.quantile(ratio_R, [0.025, 0.975])
    return Increase(bits_per_byte(one, now), float(now_P.sum() / start_P.sum() - 1), float(low), float(high))


def increases(
    sets: Sequence[HeldoutSet], start: Mapping[str, Sequence[float]], now: Mapping[str, Sequence[float]]
) -> dict[str, Increase]:
    """Return the increase of every set."""
    return {one.name: increase_over(one, start[one.name], now[one.name]) for one in sets}
