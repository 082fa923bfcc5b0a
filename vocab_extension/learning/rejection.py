"""Why a string that is common enough may still not become a token."""

from __future__ import annotations

from collections.abc import Collection

from hanhua.services import JunkTest
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.learning.train import Fault, Joined


def make_fault(config: VocabExtensionConfig, *, known: Collection[bytes], junk: JunkTest | None) -> Fault:
    """Return the test that a joined string must pass; known: the base's tokens.

    A word of the dictionary needs no documents: that it is listed shows that it is no accident of one page.
    """

    def fault(found: Joined) -> str | None:
        if found.data in known:
            return "a base token already"
        if not found.listed and found.documents.bit_count() < config.min_documents:
            return "too few documents"
        if config.max_straddling is not None and found.straddling > config.max_straddling:
            return "straddles words"
        if junk is not None and junk.is_junk(found.data.decode(errors="ignore")):
            return "junk"
        return None

    return fault
