"""One row per step, to `train.jsonl`, TensorBoard and trackers; cut back to the checkpoint when training is resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hanhua.artifacts.files import write_durably
from hanhua.continued_pretrain.checkpoint import TrainState
from hanhua.errors import MissingExtra

if TYPE_CHECKING:
    from hanhua.continued_pretrain.optimizers import AnyOptimizer


@dataclass(frozen=True)
class Measured:
    """What one step measured: mean nats a target, bits a Chinese character, the gradient's norm, bits by corpus."""

    loss: float
    bits_per_character: float | None
    grad_norm: float
    bits_by_corpus: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Speed:
    """Turns tokens per second into operations, share of the peak and cost (None where that is not known)."""

    flops_per_token: float
    peak_flops: float | None
    dollars_per_hour: float | None = None


class TrainLog:
    """The log of a run below `folder` (`out/logs`), resumed after step `done`.

    Rows: step, tokens, loss (nats a target), learning_rate, embedding_learning_rate (null without new rows), grad_norm,
    bits_per_character (of Chinese; null without), bits_by_corpus, tokens_per_second, tflops (per second, by all
    devices), mfu (of their peak, where known), seconds (of training, over all resumes), dollars (for those seconds,
    where a price is known). trackers: accelerate's, begun; they are told the same.
    """

    def __init__(
        self,
        folder: Path,
        *,
        done: int,
        enabled: bool = True,
        speed: Speed | None = None,
        trackers: Sequence[Any] = (),
    ) -> None:
        self._enabled, self._speed, self._trackers = enabled, speed, trackers
        self._seconds, self._tokens = 0.0, 0
        if not enabled:  # every process but the first
            return
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "train.jsonl"
        rows = [row for row in read_rows(path) if row["step"] <= done]
        write_durably(path, "".join(json.dumps(row) + "\n" for row in rows))
        if rows:
            self._seconds, self._tokens = rows[-1]["seconds"], rows[-1]["tokens"]
        self._file = path.open("a", encoding="utf-8")
        self._board = _tensorboard(folder / "tensorboard", purge_step=done + 1)

    def __enter__(self) -> TrainLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._enabled:
            self._file.close()
            self._board.close()
            for tracker in self._trackers:
                tracker.finish()

    @property
    def dollars(self) -> float | None:
        """What training has cost so far, over all resumes; None where no price is known."""
        if self._speed is None or self._speed.dollars_per_hour is None:
            return None
        return self._seconds / 3600 * self._speed.dollars_per_hour

    def write(self, state: TrainState, measured: Measured, optimizer: AnyOptimizer, *, seconds: float) -> None:
        """Add the row of the step that led to `state` and took `seconds`."""
        if not self._enabled:
            return
        rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
        values: dict[str, Any] = {
            "tokens": state.tokens,
            "loss": measured.loss,
            "learning_rate": next(iter(rates.values())),
            "embedding_learning_rate": rates.get("rows"),
            "grad_norm": measured.grad_norm,
            "bits_per_character": measured.bits_per_character,
            **self._rate((state.tokens - self._tokens) / max(seconds, 1e-9)),
        }
        self._seconds, self._tokens = self._seconds + seconds, state.tokens
        by_corpus = {name: round(bits, 6) for name, bits in measured.bits_by_corpus.items()}
        row = {"step": state.step, **values, "bits_by_corpus": by_corpus, "seconds": round(self._seconds, 3)}
        if (dollars := self.dollars) is not None:
            row["dollars"] = values["dollars"] = round(dollars, 6)
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        shown = {f"train/{name}": value for name, value in values.items()}
        shown |= {f"bits_per_character/{name}": bits for name, bits in by_corpus.items()}
        known = {name: value for name, value in shown.items() if value is not None}
        for name, value in known.items():
            self._board.add_scalar(name, value, state.step)
        for tracker in self._trackers:
            tracker.log(known, step=state.step)

    def note(self, values: Mapping[str, float], *, step: int) -> None:
        """Tell TensorBoard and the trackers more of a step, such as measurements of held-out text."""
        if self._enabled:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)
            for tracker in self._trackers:
                tracker.log(dict(values), step=step)

    def _rate(self, tokens_per_second: float) -> dict[str, float]:
        rate = {"tokens_per_second": round(tokens_per_second, 1)}
        if self._speed is not None:
            flops = tokens_per_second * self._speed.flops_per_token
            rate["tflops"] = round(flops / 1e12, 6)
            if self._speed.peak_flops is not None:
                rate["mfu"] = round(flops / self._speed.peak_flops, 4)
        return rate


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a log, without a last line that a kill cut short."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _tensorboard(folder: Path, *, purge_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtra("logging to TensorBoard", "train") from None
    return SummaryWriter(str(folder), purge_step=purge_step)
