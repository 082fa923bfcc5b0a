"""Evaluation: held-out likelihood, fertility, benchmarks and safety, several models side by side.

Importing this package imports no torch; `hanhua.eval.stage` does when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua import on_demand
from hanhua.eval.config import EvalConfig

if TYPE_CHECKING:
    from hanhua.eval.engine.model_folder import open_model_folder
    from hanhua.eval.language.heldout import read_documents
    from hanhua.eval.stage import evaluate_models

__all__ = [
    "EvalConfig",
    "evaluate_models",
    "open_model_folder",
    "read_documents",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "stage": "evaluate_models",
            "engine.model_folder": "open_model_folder",
            "language.heldout": "read_documents",
        },
    )
