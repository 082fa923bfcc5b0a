"""The learning rate as a function of the step alone, so that there is no scheduler state to save or get wrong."""

from __future__ import annotations

import math

from hanhua.continued_pretrain.config import ContinuedPretrainConfig


def rate_factor(step: int, *, steps: int, config: ContinuedPretrainConfig) -> float:
    """Return the learning rate of step 0 … steps-1 relative to the peak, in (0, 1].

    Rises linearly over the warm-up; then cosine falls to `min_learning_rate_ratio` at the last step, and
    wsd stays at 1 until its last `decay_ratio` falls linearly (Hu et al. 2024, MiniCPM, section 4).
    """
    warmup = round(config.warmup_ratio * steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    lowest = config.min_learning_rate_ratio
    if config.schedule == "cosine":
        done = (step - warmup) / max(1, steps - 1 - warmup)
        return lowest + (1 - lowest) * (1 + math.cos(math.pi * done)) / 2
    decay = max(1, round(config.decay_ratio * steps))
    left = steps - 1 - step
    return 1.0 if left >= decay else lowest + (1 - lowest) * left / decay
