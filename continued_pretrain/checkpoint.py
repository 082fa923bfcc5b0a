"""Checkpoints that survive being killed at any moment, and from which training resumes bit for bit.

    checkpoints/step-00000200/   trained.safetensors    what is trained
                                 optimizer.safetensors  the optimizer's moments and step counts, by parameter name
                                 state.json             step, data position, tokens, the run it belongs to
                                 complete.json          written last: size, sha256, tensors of the others
    checkpoints/best/            the same without optimizer, of the best measurement (`retention`)

Written aside, fsynced, renamed. There is no random state to keep: data order, learning rate and the
seed of dropout are functions of the step (`loop`). No pickle anywhere.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hanhua.artifacts.files import fsync_folder, read_json, sha256_of, write_json
from hanhua.artifacts.fingerprint import difference
from hanhua.continued_pretrain.optimizers import AnyOptimizer, restore_state, state_of
from hanhua.continued_pretrain.trained import laid_as, whole
from hanhua.errors import HanhuaError, InputError, InvariantError
from hanhua.progress import say

KEPT = 2
BEST = "best"
TRAINED, OPTIMIZER, STATE, COMPLETE = "trained.safetensors", "optimizer.safetensors", "state.json", "complete.json"


MEAN_OF_STEPS = 20


@dataclass(frozen=True)
class TrainState:
    """The position of training: steps done, sequences and tokens consumed (the data position), losses so far.

    mean_loss: running mean over some twenty steps. retention: what `retention.watch` needs to go on, as JSON data.
    """

    step: int = 0
    sequences: int = 0
    tokens: int = 0
    first_loss: float | None = None
    last_loss: float | None = None
    mean_loss: float | None = None
    retention: dict[str, Any] | None = None

    def advanced(self, loss: float, sequences: int, length: int) -> TrainState:
        """Return the state after a step of that many sequences."""
        mean = loss if self.mean_loss is None else self.mean_loss + (loss - self.mean_loss) / MEAN_OF_STEPS
        return replace(
            self,
            step=self.step + 1,
            sequences=self.sequences + sequences,
            tokens=self.tokens + sequences * length,
            first_loss=loss if self.first_loss is None else self.first_loss,
            last_loss=loss,
            mean_loss=mean,
        )


class Checkpoints:
    """The checkpoints of one run, below `folder`.

    run: JSON data naming the run (config, hashes of inputs); a checkpoint of another run is refused. keep: number
    of recent checkpoints to retain; steps divisible by keep_every are never deleted.
    """

    def __init__(
        self, folder: Path, *, run: Mapping[str, Any], keep: int = KEPT, keep_every: int | None = None
    ) -> None:
        self.folder, self.run = folder, dict(run)
        self.keep, self.keep_every = keep, keep_every
        folder.mkdir(parents=True, exist_ok=True)

    def save(
        self,
        state: TrainState,
        parameters: Mapping[str, nn.Parameter],
        optimizer: AnyOptimizer,
        *,
        write: bool = True,
    ) -> Path:
        """Write the checkpoint of a step and remove those that need not be kept; return its folder.

        Every process calls this, since weights that are shared out are gathered first; one has `write`. Raises
        HanhuaError when it cannot be written, the one before being as it was.
        """
        target = self.folder / f"step-{state.step:08d}"
        tensors = {name: whole(parameter) for name, parameter in parameters.items()}
        moments = _moments(parameters, optimizer)
        if not write:
            return target
        aside = target.with_name(target.name + ".partial")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir()
            save_file(tensors, aside / TRAINED)
            save_file(moments, aside / OPTIMIZER)
            write_json(aside / STATE, {"run": self.run, **asdict(state)})
            counts = {TRAINED: len(tensors), OPTIMIZER: len(moments), STATE: None}
            write_json(aside / COMPLETE, {name: _durable(aside / name, count) for name, count in counts.items()})
            shutil.rmtree(target, ignore_errors=True)
            aside.rename(target)
            fsync_folder(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(aside, ignore_errors=True)
            free = shutil.disk_usage(self.folder).free
            raise HanhuaError(
                f"{target}: the checkpoint could not be written ({error}); {free / 1e6:,.0f} MB are free there. "
                "The checkpoint before it is kept: free some space and run the same command again"
            ) from error
        for old in self._finished()[: -self.keep]:
            if self.keep_every is None or int(old.name.removeprefix("step-")) % self.keep_every:
                shutil.rmtree(old)
        return target

    @property
    def best_folder(self) -> Path:
        """Where the weights of the best measurement are, if there was one."""
        return self.folder / BEST

    def save_best(self, step: int, parameters: Mapping[str, nn.Parameter], *, write: bool = True) -> None:
        """Keep what is trained, as it is now, beside the checkpoints. Every process calls this; one has `write`."""
        tensors = {name: whole(parameter) for name, parameter in parameters.items()}
        if not write:
            return
        aside = self.folder / f"{BEST}.partial"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir()
            save_file(tensors, aside / TRAINED)
            write_json(aside / STATE, {"step": step})
            counts = {TRAINED: len(tensors), STATE: None}
            write_json(aside / COMPLETE, {name: _durable(aside / name, count) for name, count in counts.items()})
            shutil.rmtree(self.best_folder, ignore_errors=True)
            aside.rename(self.best_folder)
            fsync_folder(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise HanhuaError(f"{self.best_folder}: could not be written ({error}); free some space") from error

    def load_best(self, parameters: Mapping[str, nn.Parameter], *, step: int) -> int:
        """Restore the weights of the best measurement and return their step; InputError unless it is `step`, whole."""
        if damage := _damage(self.best_folder):
            raise InputError(f"{self.best_folder}: {damage}")
        found = int(read_json(self.best_folder / STATE)["step"])
        if found != step:
            raise InputError(
                f"{self.best_folder}: weights of step {found:,}, where those of step {step:,} were the best"
            )
        _restore(self.best_folder, parameters)
        return found

    def stored_run(self) -> dict[str, Any] | None:
        """Return what the newest whole checkpoint says of its run; None when there is none."""
        for folder in reversed(self._finished()):
            if _damage(folder) is None:
                run: dict[str, Any] = read_json(folder / STATE)["run"]
                return run
        return None

    def load_latest(
        self, parameters: Mapping[str, nn.Parameter], optimizer: AnyOptimizer | None = None
    ) -> TrainState | None:
        """Restore the last whole checkpoint into parameters and optimizer; None when there is none.

        A damaged one is named on stderr and the one before it is used. Raises InputError for a
        checkpoint of another run, InvariantError for one whose tensors are not those of this model.
        """
        for partial in self.folder.glob("*.partial"):
            shutil.rmtree(partial)
        for folder in reversed(self._finished()):
            if damage := _damage(folder):
                say(f"{folder}: {damage}; going back to the checkpoint before it")
                shutil.rmtree(folder)
                continue
            data = read_json(folder / STATE)
            if lines := difference(data.pop("run"), self.run):
                raise InputError(
                    f"{folder}: a checkpoint of another run ({'; '.join(lines[:4])}); "
                    "use another output folder, or delete this one"
                )
            _restore(folder, parameters)
            state = TrainState(**data)
            if optimizer is not None:
                self.load_moments(state, parameters, optimizer)
            return state
        return None

    def load_moments(self, state: TrainState, parameters: Mapping[str, nn.Parameter], optimizer: AnyOptimizer) -> None:
        """Restore the state of the parameters that the optimizer moves from the checkpoint of `state`."""
        saved: dict[str, dict[str, Tensor]] = {}
        for name, value in load_file(self.folder / f"step-{state.step:08d}" / OPTIMIZER).items():
            moment, _, parameter = name.partition(":")
            saved.setdefault(parameter, {})[moment] = value
        restore_state(parameters, optimizer, saved)

    def latest(self) -> Path | None:
        """Return the folder of the newest checkpoint on disk."""
        return max(self._finished(), default=None)

    def _finished(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("step-*") if p.suffix != ".partial")


def _moments(parameters: Mapping[str, nn.Parameter], optimizer: AnyOptimizer) -> dict[str, Tensor]:
    """Return the optimizer's state as `moment:parameter` tensors, of the parameters it moves."""
    return {f"{moment}:{name}": whole(value) for name, moment, value in state_of(parameters, optimizer)}


def _restore(folder: Path, parameters: Mapping[str, nn.Parameter]) -> None:
    trained = load_file(folder / TRAINED)
    if set(trained) != set(parameters):
        raise InvariantError(f"{folder}: {len(trained)} trained tensors, where this model has {len(parameters)}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(laid_as(trained[name], parameter))


def _damage(folder: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None."""
    try:
        marker = read_json(folder / COMPLETE)
    except InputError as error:
        return str(error)
    for name, entry in marker.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != entry["size"] or sha256_of(path) != entry["sha256"]:
            return f"{name} is damaged (missing, cut short or changed)"
    return None


def _durable(path: Path, tensors: int | None) -> dict[str, Any]:
    """Make a file durable and return its size and hash, having counted the tensors that really are in it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    if tensors is not None:
        with safe_open(path, "pt") as saved:
            found = len(saved.keys())
        if found != tensors:
            raise InvariantError(f"{path}: {found} tensors written of {tensors}")
    return {"size": path.stat().st_size, "sha256": sha256_of(path), "tensors": tensors}
