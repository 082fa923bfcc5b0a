from __future__ import annotations

from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.learning.count import UNIT
from hanhua.vocab_extension.learning.occurrences import Joined
from hanhua.vocab_extension.learning.rejection import MAX_MISSED, make_fault

CONFIG = VocabExtensionConfig(dictionary_weight=0.5)
EXPECTED = int(MAX_MISSED * UNIT * CONFIG.dictionary_weight)


def fault_of(text: str, *, weight: int, count: int = 0, documents: int = 0, listed: bool = True) -> str | None:
    fault = make_fault(CONFIG, known=frozenset(), junk=None)
    return fault(Joined(text.encode(), weight, count, documents, listed, 0.0))


def test_a_listed_word_needs_no_documents_while_the_corpus_is_too_small_to_miss_it() -> None:
    assert fault_of("令狐", weight=EXPECTED) is None
    assert fault_of("令狐", weight=EXPECTED, listed=False) == "too few documents"


def test_a_common_word_of_the_dictionary_that_the_corpus_lacks_is_no_token() -> None:
    assert fault_of("令狐", weight=EXPECTED + 1) == "not in the corpus"
    assert fault_of("令狐", weight=EXPECTED + 1, count=1, documents=1) is None


def test_without_a_corpus_the_dictionary_decides() -> None:
    fault = make_fault(CONFIG, known=frozenset(), junk=None, has_corpus=False)
    assert fault(Joined("令狐".encode(), 1 << 40, 0, 0, True, 0.0)) is None


def test_misread_text_is_no_token_and_a_misread_character_must_be_in_documents() -> None:
    assert fault_of("鎴戜滑", weight=1, count=9, documents=0b111) == "misread"
    assert fault_of("锛", weight=1, count=9, documents=0b1) == "too few documents"
    assert fault_of("涓", weight=1, count=9, documents=0b11) is None
