"""A Corpus read back is what was written; compressed files read as plain ones do, and half of one is an error."""

from __future__ import annotations

import gzip
from dataclasses import fields
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.documents import corpus
from hanhua.documents.compression import bare_suffix, open_decompressed, position_in
from hanhua.documents.corpus import Document, read_corpus, write_corpus
from hanhua.documents.delimited import read_delimited
from hanhua.errors import InputError

TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
DOCUMENTS = st.lists(
    st.builds(
        Document,
        id=TEXT,
        text=TEXT,
        corpus=st.sampled_from(["zh", "en", "web"]),
        source=TEXT,
        url=TEXT,
        language=st.sampled_from(["zh", "en"]),
        script=st.sampled_from(["", "hans", "hant"]),
        license=TEXT,
        split=st.sampled_from(["train", "heldout"]),
    ),
    max_size=12,
)
WRAPS = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@given(documents=DOCUMENTS, part_bytes=st.integers(1, 200))
@settings(max_examples=40)
def test_what_was_written_is_read_back(
    documents: list[Document], part_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, other = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("again")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "PART_BYTES", part_bytes)
        assert write_corpus(folder, iter(documents)) == len(documents)
        again = list(read_corpus(folder))
        assert again == documents
        write_corpus(other, again)
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == [
        path.read_bytes() for path in sorted(other.iterdir())
    ]
    for path in sorted(folder.iterdir()):
        with open_decompressed(path) as file:
            lines = file.read().decode().count("\n")
        assert lines >= 1, "no part is empty"


@given(
    documents=DOCUMENTS, split=st.sampled_from([None, "train", "heldout"]), names=st.sets(st.sampled_from(["zh", "en"]))
)
@settings(max_examples=40)
def test_what_is_asked_for_is_read_in_its_order(
    documents: list[Document], split: str | None, names: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder, documents)
    found = list(read_corpus(folder, split=split, corpora=names))  # type: ignore[arg-type]
    assert found == [one for one in documents if split in (None, one.split) and one.corpus in names]
    assert {f.name for f in fields(Document)} >= {"id", "text", "split"}


@pytest.mark.parametrize("ending", WRAPS)
@given(data=st.binary(max_size=300))
@settings(max_examples=20)
def test_compressed_files_read_as_plain_ones(
    ending: str, data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("packed") / f"a.jsonl{ending}"
    path.write_bytes(WRAPS[ending](data))
    with open_decompressed(path) as file:
        assert file.read() == data
        assert position_in(path) == path.stat().st_size
    assert position_in(path) == 0 and bare_suffix(path) == ".jsonl"


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_truncated_file_is_named(ending: str, cut: int, tmp_path: Path) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    packed = WRAPS[ending](bytes(range(256)) * 40)
    path.write_bytes(packed[:-cut])
    with pytest.raises(InputError, match=f"a.jsonl{ending}"), open_decompressed(path) as file:
        file.read()
    path.write_bytes(b"no archive at all")
    with pytest.raises(InputError, match=f"a.jsonl{ending}"), open_decompressed(path) as file:
        file.read()


def test_frames_one_behind_another_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.zst"
    pack = zstandard.ZstdCompressor().compress
    path.write_bytes(pack(b"one\n") + pack(b"") + pack(b"two\n"))
    with open_decompressed(path) as file:
        assert file.read() == b"one\ntwo\n"


CELLS = st.text(alphabet=st.sampled_from("ab文，,;\t\"'\n "), max_size=6)


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), ending=st.sampled_from([".csv", ".tsv"]))
@settings(max_examples=40)
def test_quoted_fields_come_back_whatever_they_hold(
    rows: list[tuple[str, str]], ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    between = "," if ending == ".csv" else "\t"
    lines = [between.join(("id", "text")), *(between.join(map(quoted, row)) for row in rows)]
    path = tmp_path_factory.mktemp("rows") / f"a{ending}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    broken: list[str] = []
    found = list(read_delimited(path, ending, lambda place, problem: broken.append(problem)))
    assert not broken
    assert [tuple(record.values()) for _, record in found] == rows
    assert [number for number, _ in found] == list(range(len(rows)))
