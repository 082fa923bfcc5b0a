"""New Chinese tokens for a Llama 3 tokenizer, by continued BPE, and rows for them in the model.

`learn` finds them, `extend` writes them, `verify` proves that nothing else changed, `measure` says what they
buy, `resize` gives the model their rows, `chat_vector` a chat model across them. None needs torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua import on_demand

if TYPE_CHECKING:
    from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
    from hanhua.vocab_extension.chat_vector.restore import restore_folder
    from hanhua.vocab_extension.config import VocabExtensionConfig
    from hanhua.vocab_extension.extend import write_extended
    from hanhua.vocab_extension.learning.learn import learn_tokens
    from hanhua.vocab_extension.learning.sources import Source
    from hanhua.vocab_extension.measuring.measure import measure_with_languages, open_subject
    from hanhua.vocab_extension.proof.verify import verify_extension
    from hanhua.vocab_extension.resize.config import ResizeConfig
    from hanhua.vocab_extension.resize.resize import resize_folder

__all__ = [
    "ChatVectorConfig",
    "ResizeConfig",
    "Source",
    "VocabExtensionConfig",
    "learn_tokens",
    "measure_with_languages",
    "open_subject",
    "resize_folder",
    "restore_folder",
    "verify_extension",
    "write_extended",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "config": "VocabExtensionConfig",
            "learning.sources": "Source",
            "learning.learn": "learn_tokens",
            "extend": "write_extended",
            "proof.verify": "verify_extension",
            "measuring.measure": "measure_with_languages open_subject",
            "resize.config": "ResizeConfig",
            "resize.resize": "resize_folder",
            "chat_vector.config": "ChatVectorConfig",
            "chat_vector.restore": "restore_folder",
        },
    )
