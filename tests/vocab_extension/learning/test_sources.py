import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hanhua.vocab_extension.learning.sources import Batch, Reader, SeenDocuments, Source


def read(*sources: Source, batch_characters: int = 20) -> tuple[Reader, list[Batch]]:
    reader = Reader(sources, batch_characters)
    return reader, list(reader.batches())


def test_a_text_is_read_once_whatever_source_it_comes_from() -> None:
    reader, batches = read(Source("a", ["甲" * 9, "乙" * 9, "甲" * 9]), Source("b", ["乙" * 9, "丙"]))
    assert [(batch.source, batch.texts) for batch in batches] == [(0, ["甲" * 9, "乙" * 9]), (1, ["丙"])]
    assert (reader.documents, reader.duplicates, reader.characters) == (3, 2, 19)


def test_a_limit_is_on_different_texts_and_ends_the_reading() -> None:
    read_on: list[int] = []

    def texts() -> object:
        for n in range(100):
            read_on.append(n)
            yield f"{n // 2:010}"

    reader, batches = read(Source("a", texts(), max_characters=35), Source("b", ["x"]))  # type: ignore[arg-type]
    assert [len(batch.texts) for batch in batches if batch.source == 0] == [1, 1, 1, 1]
    assert reader.documents == 5
    assert len(read_on) < 12


def test_batches_hold_the_characters_they_were_asked_for() -> None:
    _, batches = read(Source("a", [f"{n:05}" for n in range(40)]), batch_characters=50)
    assert [len(batch.texts) for batch in batches] == [10, 10, 10, 10]
    assert len(np.unique(np.concatenate([batch.digests_D for batch in batches]))) == 40


@given(st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=20))
def test_seen_documents_are_a_set(chunks: list[list[int]]) -> None:
    seen, known = SeenDocuments(), set[int]()
    for chunk in chunks:
        new = seen.add(np.array(chunk, dtype=np.uint64))
        expected = []
        for digest in chunk:
            expected.append(digest not in known)
            known.add(digest)
        assert new.tolist() == expected
        assert len(seen) == len(known)


def test_a_document_longer_than_a_batch_comes_in_parts_that_are_one_document() -> None:
    text = "，".join(f"第{n}段文字在这里" for n in range(30))
    reader, batches = read(Source("a", ["短的一行文字", text]), batch_characters=50)
    assert "".join(part for batch in batches for part in batch.texts) == "短的一行文字" + text
    assert max(len(part) for batch in batches for part in batch.texts) < 70
    assert len({digest for batch in batches for digest in batch.digests_D.tolist()}) == reader.documents == 2
    assert all(batch.texts[0].startswith("，") for batch in batches[2:])
