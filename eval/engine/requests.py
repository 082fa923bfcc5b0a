"""What a model is asked, and what it answers. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.fingerprint import fingerprint as fingerprint_of

OnDone = Callable[[int, int], None]
"""Told after each batch how much it finished, and how much there is: tokens to process, or prompts."""


@dataclass(frozen=True)
class ScoredInput:
    """Tokens to run once, and one or more continuations to score against the last positions.

    inputs: token ids fed to the model, BOS included. targets: alternatives, all of the same length k ≥ 1;
    `targets[a][j]` is what the position `len(inputs) - k + j` should predict.

    The four letters of a multiple-choice question are four alternatives of length 1 on one input.
    """

    inputs: tuple[int, ...]
    targets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Likelihood:
    """Natural log-probabilities of one continuation, one per token, and whether greedy decoding gives it."""

    log_probabilities: npt.NDArray[np.float64]
    is_greedy: bool | None

    @property
    def total(self) -> float:
        """Log-likelihood of the whole continuation, in nats."""
        return float(self.log_probabilities.sum())


@dataclass(frozen=True)
class Sampling:
    """How to write on: the longest a continuation may be, its temperature (0 is greedy), where it stops.

    heal: take back the prompt's last tokens where a longer token could begin with them (see `TokenHealing`).
    """

    max_new_tokens: int
    temperature: float = 0.0
    seed: int = 0
    stops: tuple[str, ...] = ()
    heal: bool = False

    @property
    def fingerprint(self) -> str:
        """What decides an answer, apart from model and prompt."""
        return fingerprint_of(asdict(self))


@dataclass(frozen=True)
class Generated:
    """A continuation; `finished` when the model ended it itself, or a stop string did; `tokens` it took.

    truncated: its prompt was longer than the model's context, and was cut on the left.
    """

    text: str
    finished: bool
    tokens: int
    truncated: bool = False


def cut_at_stops(text: str, ended: bool, tokens: int, stops: Sequence[str]) -> Generated:
    """Return a continuation that ends before its first stop string."""
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return Generated(text[: min(places)], True, tokens) if places else Generated(text, ended, tokens)
