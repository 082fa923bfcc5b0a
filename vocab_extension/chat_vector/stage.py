"""The stage: an adapted base becomes a chat model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.manifest import Artifact
from hanhua.base_model import resolve_base_model
from hanhua.services import Services
from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
from hanhua.vocab_extension.chat_vector.restore import restore_folder


def restore_model(
    config: ChatVectorConfig, inputs: Mapping[str, Artifact], out: Path, *, services: Services
) -> dict[str, Any]:
    """Write `out/model`: inputs["adapted"] with what the instruct model learned from inputs["base"].

    The instruct model is the config's; no service is needed. Raises InputError when the three are not of one base.
    """
    adapted, base = (inputs[name].part("model").path for name in ("adapted", "base"))
    instruct = resolve_base_model(config.instruct)
    return restore_folder(adapted, base=base, instruct=instruct, out=out / "model", config=config).facts()
