"""What `config.json` says of a Llama model that another program must be told: shape, norms, rotary positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError
from hanhua.vocab_extension.measuring.model_shape import ModelShape, read_model_shape

DEFAULT_ROPE_THETA = 10_000.0
_LLAMA3_ROPE = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")


@dataclass(frozen=True)
class LlamaSettings:
    """rope_divisors: what each rotary frequency is divided by, shape (head_size / 2,); None where none is."""

    shape: ModelShape
    context_length: int
    rms_norm_eps: float
    rope_theta: float
    rope_divisors: npt.NDArray[np.float32] | None


def read_llama_settings(model: Path, settings: dict[str, Any]) -> LlamaSettings:
    """Return the settings of a Llama model; InputError lists what is missing or of another architecture."""
    place = model / "config.json"
    kinds = settings.get("architectures") or [settings.get("model_type")]
    if settings.get("model_type") != "llama" or kinds[0] not in ("LlamaForCausalLM", "llama"):
        raise InputError(f"{place}: architecture {kinds[0]}; only LlamaForCausalLM can be exported")
    missing = [key for key in ("max_position_embeddings", "rms_norm_eps") if not settings.get(key)]
    if missing:
        raise InputError(f"{place}: no {', '.join(missing)}; it should be the config.json of a Llama model")
    if settings.get("hidden_act", "silu") != "silu":
        raise InputError(f"{place}: hidden_act is {settings['hidden_act']}; llama.cpp's Llama has silu")
    shape = read_model_shape(model)
    # transformers 5 writes rope_parameters; before that there were rope_theta and rope_scaling.
    rope = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    theta = float(rope.get("rope_theta") or settings.get("rope_theta") or DEFAULT_ROPE_THETA)
    return LlamaSettings(
        shape,
        int(settings["max_position_embeddings"]),
        float(settings["rms_norm_eps"]),
        theta,
        _rope_divisors(place, rope, theta, shape.head_size),
    )


def llama3_rope_divisors(
    theta: float,
    head_size: int,
    *,
    factor: float,
    low_freq_factor: float,
    high_freq_factor: float,
    original_max_position_embeddings: float,
) -> npt.NDArray[np.float32]:
    """Return Llama 3.1's divisors of the rotary frequencies (llama-models, `apply_scaling`).

    Waves that hardly turn within the context of the first training are stretched by `factor`, those that turn
    often are left alone, the others lie between.
    """
    frequencies = theta ** -(np.arange(0, head_size, 2, dtype=np.float64) / head_size)
    waves = original_max_position_embeddings * frequencies / (2 * math.pi)
    unstretched = np.clip((waves - low_freq_factor) / (high_freq_factor - low_freq_factor), 0, 1)
    divisors = 1 / ((1 - unstretched) / factor + unstretched)
    return divisors.astype(np.float32)


def _rope_divisors(place: Path, rope: dict[str, Any], theta: float, head_size: int) -> npt.NDArray[np.float32] | None:
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return None
    if kind != "llama3":
        raise InputError(f"{place}: rope_type {kind}; only default and llama3 (Llama 3.1 and later) can be exported")
    missing = [key for key in _LLAMA3_ROPE if not isinstance(rope.get(key), (int, float))]
    if missing:
        raise InputError(f"{place}: the llama3 rope scaling has no {', '.join(missing)}")
    return llama3_rope_divisors(theta, head_size, **{key: float(rope[key]) for key in _LLAMA3_ROPE})
