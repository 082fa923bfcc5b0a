"""Documents that a quality model of one's own finds unlike the good ones."""

from __future__ import annotations

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject
from hanhua.filtering.quality_model.model import QualityModel
from hanhua.filtering.quality_model.structure import layouts


def quality_score(draft: Draft, limits: QualityConfig, *, model: QualityModel) -> Verdict:
    """Reject Chinese documents whose probability of being good is below `min_model_score`."""
    if not draft.chinese:
        return KEEP
    layout = None if model.layout is None else draft.view(layouts)
    score = draft.measure("quality.score", model.score(draft.folded_codes, layout))
    return reject("quality.score", score) if score < limits.min_model_score else KEEP
