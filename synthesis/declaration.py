"""What the stage `synthesis` says of itself."""

from __future__ import annotations

from hanhua.stage import Input, Stage
from hanhua.synthesis.settings import SynthesisConfig

STAGE = Stage(
    name="synthesis",
    makes="enlarged_corpus",
    section=SynthesisConfig,
    function="hanhua.synthesis.stage:synthesize",
    output_version=2,
    inputs=(Input("corpus"),),
    services=("harm", "masker", "quality", "benchmarks", "copies"),
    libraries=("openai", "opencc", "zstandard"),
)
