"""Declaration of the stage `continued_pretrain`."""

from __future__ import annotations

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.stage import Input, Stage

STAGE = Stage(
    name="continued_pretrain",
    makes="adapted",
    section=ContinuedPretrainConfig,
    function="hanhua.continued_pretrain.stage:pretrain",
    output_version=2,
    inputs=(Input("corpus", kinds=("enlarged_corpus", "corpus")), Input("model", kinds=("resized", "base"))),
    libraries=("torch", "transformers", "tokenizers", "safetensors", "numpy", "peft", "accelerate"),
)
