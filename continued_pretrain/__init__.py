"""Continued pretraining: mixture, packing, LoRA with new rows, an exactly resumable loop, merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua import on_demand

if TYPE_CHECKING:
    from hanhua.continued_pretrain.config import ContinuedPretrainConfig
    from hanhua.continued_pretrain.stage import pretrain_folder

__all__ = [
    "ContinuedPretrainConfig",
    "pretrain_folder",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "config": "ContinuedPretrainConfig",
            "stage": "pretrain_folder",
        },
    )
