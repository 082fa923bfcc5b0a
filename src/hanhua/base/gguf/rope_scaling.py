"""Rotary positions: what GGUF says of them in keys and in the tensor rope_freqs, in the words of config.json."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError

Divisors = npt.NDArray[np.float64]
_RELATIVE_TOLERANCE = 1e-4
"""rope_freqs are float32; what is solved from them is rounded to the numbers that were meant, and checked."""
_YARN = {"yarn_beta_fast": "beta_fast", "yarn_beta_slow": "beta_slow"}
_KNOWN_KEYS = ("type", "factor", "original_context_length", "finetuned", *_YARN)


def rope_parameters(
    place: Path, values: dict[str, Any], *, head_size: int, context_tokens: int, divisors: Divisors | None
) -> dict[str, Any]:
    """Return `rope_parameters` of config.json.

    values: the metadata under `llama.rope.`. divisors: the tensor rope_freqs, what each rotary frequency is divided
    by, shape (head_size / 2,); None where there is none. Raises InputError for scaling of another kind.
    """
    theta = shortest_float(values.get("freq_base", 10_000.0))
    scaling = {key.removeprefix("scaling."): value for key, value in values.items() if key.startswith("scaling.")}
    if "scale_linear" in values:  # the key of files before August 2023
        scaling = {"type": "linear", "factor": values["scale_linear"]} | scaling
    kind = scaling.get("type", "none")
    unknown = [key for key in scaling if key not in _KNOWN_KEYS]
    if kind not in ("none", "linear", "yarn", "llama3") or unknown:
        what = f"scaling of the type {kind}" if not unknown else f"llama.rope.scaling.{unknown[0]}"
        raise InputError(f"{place}: rotary positions with {what}; none, linear, yarn and llama3 can be read")
    if divisors is not None and not np.allclose(divisors, 1.0, rtol=1e-6):
        if kind in ("linear", "yarn"):
            raise InputError(f"{place}: rotary positions scaled twice, by rope_freqs and {kind}; this cannot be read")
        return {"rope_theta": theta, **_of_divisors(theta, head_size, divisors, scaling, context_tokens)}
    if kind == "llama3":
        raise InputError(f"{place}: llama3 scaling without the tensor rope_freqs.weight, which holds it")
    factor = shortest_float(scaling.get("factor", 1.0))
    if kind == "none" or factor == 1.0:
        return {"rope_type": "default", "rope_theta": theta}
    found = {"rope_type": kind, "rope_theta": theta, "factor": factor}
    if kind == "yarn":
        original = scaling.get("original_context_length") or round(context_tokens / factor)
        found |= {"original_max_position_embeddings": int(original)}
        found |= {ours: shortest_float(scaling[key]) for key, ours in _YARN.items() if key in scaling}
    return found


def llama3_divisors(
    theta: float, head_size: int, *, factor: float, low: float, high: float, original: float
) -> Divisors:
    """Return Llama 3.1's divisors of the rotary frequencies, shape (head_size / 2,) (llama-models, `apply_scaling`)."""
    unstretched = np.clip((_turns(theta, head_size, original) - low) / (high - low), 0, 1)
    return 1 / ((1 - unstretched) / factor + unstretched)


def shortest_float(value: float) -> float:
    """Return a float32 of the metadata as the shortest decimal that is the same float32.

    >>> shortest_float(9.999999747378752e-06)
    1e-05
    """
    return float(str(np.float32(value)))


def _turns(theta: float, head_size: int, tokens: float) -> Divisors:
    """Return how often each rotary frequency turns within the given number of tokens."""
    frequencies = theta ** -(np.arange(0, head_size, 2, dtype=np.float64) / head_size)
    return tokens * frequencies / (2 * math.pi)


def _of_divisors(
    theta: float, head_size: int, divisors: Divisors, scaling: dict[str, Any], context_tokens: int
) -> dict[str, Any]:
    """Return llama3 scaling when it gives these divisors, and otherwise longrope, which takes any.

    Only the ratios of low, high and original are in the divisors; low is 1 in every Llama 3, so it is 1 here.
    """
    factor = shortest_float(divisors.max())
    for high, original in _candidates(theta, head_size, divisors, factor, scaling):
        if high <= 1:
            continue
        again = llama3_divisors(theta, head_size, factor=factor, low=1.0, high=high, original=original)
        if np.allclose(again, divisors, rtol=_RELATIVE_TOLERANCE):
            return {
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": 1.0,
                "high_freq_factor": high,
                "original_max_position_embeddings": original,
            }
    factors = [float(divisor) for divisor in divisors]
    return {
        "rope_type": "longrope",
        "short_factor": factors,
        "long_factor": factors,
        "attention_factor": 1.0,
        "factor": 1.0,
        "original_max_position_embeddings": context_tokens,
    }


def _candidates(
    theta: float, head_size: int, divisors: Divisors, factor: float, scaling: dict[str, Any]
) -> list[tuple[float, int]]:
    """Return pairs of (high, original) to try.

    Between the two ends 1 / divisor is a straight line of how often a frequency turns: two points give both, and one
    gives `original` when high is 4, as in every Llama 3.
    """
    unstretched = (1 / divisors - 1 / factor) / (1 - 1 / factor)
    between = (unstretched > 1e-4) & (unstretched < 1 - 1e-4)
    turns = _turns(theta, head_size, 1.0)
    named = scaling.get("original_context_length")
    found = [(4.0, int(named))] if named else []
    if between.any():
        found.append((4.0, round(float(np.median((3 * unstretched[between] + 1) / turns[between])))))
    if between.sum() >= 2:
        slope, intercept = np.polyfit(turns[between], unstretched[between], 1)
        if intercept < 0:  # unstretched = (original · turns - 1) / (high - 1)
            high = round(1 - 1 / intercept, 3)
            found.append((high, round(slope * (high - 1))))
    return [*found, (4.0, 8192)]
