"""Toy models as a service: what the stage `base` is passed, without torch until one is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.manifest import Artifact
from hanhua.toy_settings import ToySettings


class ToyModels:
    """Makes toy models."""

    fingerprint = "toy-model-1"

    def make(self, settings: ToySettings, tokenizer: str, corpus: Artifact | None, out: Path) -> Mapping[str, Any]:
        """Make one in `out/model` and return its facts; see `make_toy_model`."""
        from hanhua.continued_pretrain.toy_model import make_toy_model

        return make_toy_model(settings, tokenizer, corpus, out)
