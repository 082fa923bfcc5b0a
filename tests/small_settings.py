"""Settings under which a few texts teach a few tokens."""

from __future__ import annotations

from hanhua.vocab_extension.config import VocabExtensionConfig

SMALL = VocabExtensionConfig(new_tokens=600, min_count=3, min_documents=2, dictionary_weight=0)
"""Without the dictionary: what is learned is then in the texts."""
