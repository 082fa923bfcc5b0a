"""Quality models for other stages: a score of a text, by the folder of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hanhua.filtering.quality_model.model import load_quality_model
from hanhua.zh_text.folding import folded_codes


class QualityScorers:
    """Makes functions that score a text. The folder of a model is part of the key of whoever names it."""

    fingerprint = "quality-scorers-1"

    def scorer(self, folder: Path) -> Callable[[str], float]:
        """Return the score of a model: the probability that a text is like its good ones."""
        model = load_quality_model(folder)
        return lambda text: model.score(folded_codes(text))
