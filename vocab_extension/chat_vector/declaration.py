"""What the stage `chat_vector` says of itself."""

from __future__ import annotations

from hanhua.stage import Input, Stage
from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig

STAGE = Stage(
    name="chat_vector",
    makes="restored",
    section=ChatVectorConfig,
    function="hanhua.vocab_extension.chat_vector.stage:restore_model",
    output_version=1,
    inputs=(Input("base"), Input("adapted")),
    libraries=("numpy", "tokenizers"),
)
