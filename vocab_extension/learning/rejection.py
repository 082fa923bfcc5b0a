"""Why a string that is common enough may still not become a token."""

from __future__ import annotations

import math
from collections.abc import Collection

from hanhua.services import JunkTest
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.learning.count import UNIT
from hanhua.vocab_extension.learning.occurrences import Joined
from hanhua.vocab_extension.learning.train import Fault
from hanhua.zh_text.misreading import is_misread

MAX_MISSED = 30
"""A word the dictionary expects so often in a corpus of this size, and that is not there, is no word of such texts."""


def make_fault(
    config: VocabExtensionConfig, *, known: Collection[bytes], junk: JunkTest | None, has_corpus: bool = True
) -> Fault:
    """Return the test that a joined string must pass; known: the base's tokens.

    A word of the dictionary needs no documents: that it is listed shows that it is no accident of one page. But the
    dictionary yields to the corpus: a string that no text has must not be one that it holds for common.
    Bytes that spell Chinese when read as GBK and written as UTF-8 are no word, whoever lists them.
    """
    # Of a string that the corpus does not have, all the weight is the dictionary's.
    most_expected = MAX_MISSED * UNIT * config.dictionary_weight if has_corpus else math.inf

    def fault(found: Joined) -> str | None:
        if found.data in known:
            return "a base token already"
        text = found.data.decode(errors="ignore")
        misread = is_misread(text)
        if (misread or not found.listed) and found.documents.bit_count() < config.min_documents:
            return "too few documents"
        if not found.count and found.weight > most_expected:
            return "not in the corpus"
        if misread and len(text) > 1:
            return "misread"
        if config.max_straddling is not None and found.straddling > config.max_straddling:
            return "straddles words"
        if junk is not None and junk.is_junk(text):
            return "junk"
        return None

    return fault
