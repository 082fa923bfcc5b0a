import random

from small_llama import chinese_texts

from hanhua.vocab_extension.measuring.thinning import thinned

TEXTS = [f"{text} {n}" for n in range(20) for text in chinese_texts()]


def test_everything_is_kept_that_fits() -> None:
    assert thinned(TEXTS, max_characters=sum(map(len, TEXTS))) == TEXTS


def test_the_same_documents_whatever_their_order() -> None:
    limit = sum(map(len, TEXTS)) // 5
    kept = thinned(TEXTS, max_characters=limit)
    assert limit / 4 < sum(map(len, kept)) <= limit
    shuffled = TEXTS[:]
    random.Random(0).shuffle(shuffled)
    assert sorted(thinned(shuffled, max_characters=limit)) == sorted(kept)


def test_one_document_too_long_is_cut_not_lost() -> None:
    kept = thinned(["长" * 1000], max_characters=100)
    assert kept == ["长" * 50]
    assert thinned([], max_characters=100) == []
