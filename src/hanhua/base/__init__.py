"""The stage `base`: the model, or only the tokenizer, that everything after starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua import on_demand

if TYPE_CHECKING:
    from hanhua.base.config import BaseConfig
    from hanhua.base.stage import prepare_base

__all__ = [
    "BaseConfig",
    "prepare_base",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "config": "BaseConfig",
            "stage": "prepare_base",
        },
    )
