"""What the stage `eval` says of itself."""

from __future__ import annotations

from hanhua.eval.config import EvalConfig
from hanhua.stage import Input, Stage

STAGE = Stage(
    name="eval",
    makes="scores",
    section=EvalConfig,
    function="hanhua.eval.stage:evaluate",
    output_version=2,
    inputs=(
        *(Input("corpus", kinds=("enlarged_corpus", "corpus")), Input("base")),
        *(Input(model, optional=True) for model in ("resized", "adapted", "restored")),
    ),
    services=("harm", "masker", "contamination"),
    libraries=("torch", "transformers", "tokenizers", "safetensors", "numpy", "lm_eval"),
    headline="hanhua.figures.headline:evaluation_rows",
)
