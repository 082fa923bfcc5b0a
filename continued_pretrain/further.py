"""A finished training taken further: its weights are where this one begins, with a new warm-up and more tokens."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from hanhua.artifacts import open_artifact
from hanhua.artifacts.files import read_json
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.merge import ADAPTER_FILE, peft_names, scale_of
from hanhua.continued_pretrain.model import ADAPTER, TrainingModel
from hanhua.continued_pretrain.trained import trainable_parameters
from hanhua.errors import InputError
from hanhua.weights import weight_files


def with_new_draw(config: ContinuedPretrainConfig) -> ContinuedPretrainConfig:
    """Return the config with a seed of its own where a finished training is taken further.

    Documents, order and dropout are then drawn anew, and not those once more that the finished one saw first.
    """
    if config.continue_from is None:
        return config
    content = open_artifact(Path(config.continue_from)).content_hash
    return config.model_copy(update={"seed": config.seed ^ int(content[:8], 16)})


def load_finished(model: TrainingModel, config: ContinuedPretrainConfig, *, base_hash: str) -> None:
    """Put the weights of `config.continue_from` in place of those training would begin with; nothing without it.

    Raises InputError when they were trained on another base, in another mode, or with adapters of another size.
    """
    if config.continue_from is None:
        return
    folder = Path(config.continue_from)
    names = list(trainable_parameters(model))
    if config.mode in ("full", "embeddings"):
        found = _whole_weights(folder / "model", names)
    else:
        found = _adapter_weights(folder / "adapter", names, model, base_hash=base_hash)
    with torch.no_grad():
        for name, parameter in trainable_parameters(model).items():
            if parameter.shape != found[name].shape:
                raise InputError(
                    f"continue_from: {folder}: {name} has the shape {tuple(found[name].shape)} there and "
                    f"{tuple(parameter.shape)} here; keep trainable, lora.rank and lora.targets as they were"
                )
            parameter.copy_(found[name])


def _whole_weights(folder: Path, names: list[str]) -> dict[str, Tensor]:
    stored = {name: tensor for file in weight_files(folder) for name, tensor in load_file(file).items()}
    _check_names({name.removeprefix("model.") for name in names}, set(stored), folder, exact=False)
    return {name: stored[name.removeprefix("model.")] for name in names}


def _adapter_weights(folder: Path, names: list[str], model: TrainingModel, *, base_hash: str) -> dict[str, Tensor]:
    if not (folder / ADAPTER_FILE).is_file():
        raise InputError(f"continue_from: {folder}: no {ADAPTER_FILE}, so its weights cannot be taken further")
    trained_on = read_json(folder / "hanhua.json")["base_content_hash"]
    if trained_on != base_hash:
        raise InputError(
            f"continue_from: {folder}: trained on the model {trained_on[:12]}, and this one is {base_hash[:12]}; "
            "give the model that training began with"
        )
    before, now = scale_of(read_json(folder / "adapter_config.json")), _scale_here(model)
    if abs(before - now) > 1e-6 * now:
        raise InputError(
            f"continue_from: {folder}: its adapters have the strength {before:g}, and lora.alpha, rank and rslora make "
            f"{now:g}; keep them as they were"
        )
    stored, keys = load_file(folder / ADAPTER_FILE), peft_names(names)
    _check_names(set(keys.values()), set(stored), folder, exact=True)
    return {name: stored[key] for name, key in keys.items()}


def _scale_here(model: TrainingModel) -> float:
    if not hasattr(model.model, "peft_config"):
        return 0.0
    return scale_of(model.model.peft_config[ADAPTER].to_dict())


def _check_names(wanted: set[str], stored: set[str], folder: Path, *, exact: bool) -> None:
    different = wanted ^ stored if exact else wanted - stored
    if different:
        raise InputError(
            f"continue_from: {folder}: other weights were trained there ({len(different)} differ, the first "
            f"{sorted(different)[0]}); keep trainable and lora.targets as they were"
        )
