"""Checkpoints that survive being killed at any moment, and from which training goes on bit for bit.

    checkpoints/step-00000200/   trained.safetensors    what is trained
                                 optimizer.safetensors  AdamW's moments and step counts, by parameter name
                                 state.json             step, data position, tokens, the run it belongs to
                                 complete.json          written last: size and sha256 of the others

Written aside, fsynced, renamed. There is no random state to keep: data order, learning rate and the
seed of dropout are functions of the step (`loop`). No pickle anywhere.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hanhua.artifacts.files import fsync_folder, read_json, sha256_of, write_json
from hanhua.artifacts.fingerprint import difference
from hanhua.errors import HanhuaError, InputError, InvariantError
from hanhua.progress import say

KEPT = 2
TRAINED, OPTIMIZER, STATE, COMPLETE = "trained.safetensors", "optimizer.safetensors", "state.json", "complete.json"


@dataclass(frozen=True)
class TrainState:
    """Where training stands: steps done, sequences and tokens consumed (the data position), losses so far."""

    step: int = 0
    sequences: int = 0
    tokens: int = 0
    first_loss: float | None = None
    last_loss: float | None = None


class Checkpoints:
    """The checkpoints of one run, below `folder`.

    run: JSON data naming the run (config, hashes of inputs); a checkpoint of another run is refused.
    """

    def __init__(self, folder: Path, *, run: Mapping[str, Any]) -> None:
        self.folder, self.run = folder, dict(run)
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, state: TrainState, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> Path:
        """Write a checkpoint and drop the ones before the last two; HanhuaError when the disk is full."""
        target = self.folder / f"step-{state.step:08d}"
        aside = target.with_name(target.name + ".partial")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir()
            tensors = {name: p.detach().cpu().contiguous() for name, p in parameters.items()}
            save_file(tensors, aside / TRAINED)
            save_file(_moments(parameters, optimizer), aside / OPTIMIZER)
            write_json(aside / STATE, {"run": self.run, **asdict(state)})
            write_json(aside / COMPLETE, {name: _durable(aside / name) for name in (TRAINED, OPTIMIZER, STATE)})
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
        for old in self._finished()[:-KEPT]:
            shutil.rmtree(old)
        return target

    def load_latest(
        self, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
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
            _restore(folder, parameters, optimizer)
            return TrainState(**data)
        return None

    def latest(self) -> Path | None:
        """Return the folder of the newest checkpoint on disk."""
        return max(self._finished(), default=None)

    def _finished(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("step-*") if p.suffix != ".partial")


def _moments(parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return AdamW's state as `moment:parameter` tensors."""
    tensors = {}
    for name, parameter in parameters.items():
        for moment, value in optimizer.state[parameter].items():
            tensors[f"{moment}:{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    if len(tensors) != 3 * len(parameters):
        raise InvariantError(f"{len(tensors)} optimizer tensors for {len(parameters)} parameters, not three for each")
    return tensors


def _restore(folder: Path, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    trained, moments = load_file(folder / TRAINED), load_file(folder / OPTIMIZER)
    wanted = {f"{moment}:{name}" for name in parameters for moment in ("step", "exp_avg", "exp_avg_sq")}
    if set(trained) != set(parameters) or set(moments) != wanted:
        raise InvariantError(
            f"{folder}: {len(trained)} trained and {len(moments)} optimizer tensors, "
            f"where this model has {len(parameters)} and {len(wanted)}"
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(trained[name])
            on = dict.fromkeys(("exp_avg", "exp_avg_sq"), parameter.device)
            # AdamW's fused kernel wants its step count on the device, the others want it on the CPU.
            on["step"] = parameter.device if optimizer.defaults.get("fused") else torch.device("cpu")
            optimizer.state[parameter] = {key: moments[f"{key}:{name}"].to(device) for key, device in on.items()}


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


def _durable(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return {"size": path.stat().st_size, "sha256": sha256_of(path)}
