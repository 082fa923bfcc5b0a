"""What the stage `base` says of itself."""

from __future__ import annotations

from hanhua.base.config import BaseConfig
from hanhua.stage import Input, Stage

STAGE = Stage(
    name="base",
    makes="base",
    section=BaseConfig,
    function="hanhua.base.stage:prepare_base",
    output_version=1,
    # Only a toy model learns from the corpus; so the stage follows `filtering`.
    inputs=(Input("corpus", when=lambda base: base.toy is not None),),
    services=("toy",),
    libraries=("torch", "transformers", "tokenizers", "safetensors", "numpy", "llama-models", "gguf"),
)
