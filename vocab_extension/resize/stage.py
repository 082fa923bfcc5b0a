"""The stage `resize`: the base's model with rows for the new tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hanhua.artifacts.manifest import Artifact
from hanhua.services import Services
from hanhua.vocab_extension.resize.config import ResizeConfig
from hanhua.vocab_extension.resize.resize import resize_folder


def resize_model(
    config: ResizeConfig, inputs: Mapping[str, Artifact], out: Path, *, services: Services
) -> dict[str, Any]:
    """Write `out/model`: the base with rows for the new tokens, and the extended tokenizer.

    inputs: `base` with weights in `model/`, `tokenizer`.
    """
    model = inputs["base"].path / "model"
    done = resize_folder(model, tokenizer=inputs["tokenizer"].path, out=out / "model", config=config)
    facts = asdict(done)
    facts["untrained_rows"] = {name: len(ids) for name, ids in facts.pop("untrained").items()}
    return {**facts, "new_tokens": done.vocab_size - done.first_new_id}
