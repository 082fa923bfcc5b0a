"""A comparison of a minute: a base made from the quickstart's texts, two arms, two seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from small_llama import QUICKSTART

TRAINING: dict[str, Any] = {
    "lora": None,
    "sequence_length": 64,
    "micro_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "threads": 1,
    "loss_spike_threshold": None,
}


def tiny_recipe() -> dict[str, Any]:
    """Return a recipe as YAML holds it."""
    return {
        "name": "tiny",
        "hypothesis": "an extension of a base that hardly knows Chinese makes it no worse",
        "base": {
            "scratch": {"characters": 200, "other_tokens": 60, "hidden_size": 16, "layers": 1, "heads": 2},
            "training": {**TRAINING, "learning_rate": 3e-3},
        },
        "texts": {
            "zh": {
                "path": str(QUICKSTART / "zh_hans_a.jsonl"),
                "base_bytes": 12_000,
                "train_bytes": 12_000,
                "heldout_documents": 4,
            },
            "other": {"path": str(QUICKSTART / "zh_hans_b.jsonl"), "heldout_documents": 3},
            "en": {
                "path": str(QUICKSTART / "en.jsonl"),
                "language": "en",
                "base_bytes": 4_000,
                "train_bytes": 4_000,
                "heldout_documents": 3,
            },
        },
        "heldout_of": 5,
        "piece_characters": 200,
        "context_tokens": 64,
        "curve_points": 2,
        "truncated_prompts": 6,
        "generated_prompts": 1,
        "generated_tokens": 8,
        "resamples": 500,
        "seeds": [0, 1],
        "reference": "unextended",
        "vocab_extension": {"new_tokens": 256, "min_documents": 1, "min_count": 2, "dictionary_weight": 0},
        "continued_pretrain": {**TRAINING, "learning_rate": 1e-3},
        "arms": {"unextended": {"extend": False}, "extended": {"about": "as it comes"}},
    }


def write_recipe(folder: Path, data: dict[str, Any] | None = None) -> Path:
    """Write a recipe into a folder and return its file."""
    path = folder / "comparison.yaml"
    path.write_text(yaml.safe_dump(data or tiny_recipe(), allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path
