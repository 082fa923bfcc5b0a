from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from hanhua.documents import read_records
from hanhua.documents.places import expand_paths
from hanhua.errors import InputError

TEXTS = ["第一篇。", "第二篇，中文。", "third"]
LINES = "".join(json.dumps({"text": t, "n": i}, ensure_ascii=False) + "\n" for i, t in enumerate(TEXTS)).encode()


def write(path: Path, data: bytes) -> Path:
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstandard.ZstdCompressor().compress(data)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".txt", ".parquet"])
def test_every_format_gives_the_same_records(tmp_path: Path, suffix: str, ending: str) -> None:
    if suffix == ".jsonl":
        data = LINES
    elif suffix == ".json":
        data = json.dumps([{"text": t, "n": i} for i, t in enumerate(TEXTS)]).encode()
    elif suffix == ".txt":
        data = "\n".join(TEXTS).encode()
    else:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"text": TEXTS, "n": [0, 1, 2]}), sink)
        data = sink.getvalue().to_pybytes()
    path = write(tmp_path / f"a{suffix}{ending}", data)
    records = list(read_records(path))
    assert [record.text for record in records] == TEXTS
    assert [record.number for record in records] == [0, 1, 2]
    if suffix != ".txt":
        assert records[1].fields == {"n": 1}


def test_several_zstandard_frames_are_read_through(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    lines = LINES.splitlines(keepends=True)
    path.write_bytes(b"".join(zstandard.ZstdCompressor().compress(line) for line in lines))
    assert [record.text for record in read_records(path)] == TEXTS


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path, ending: str, keep: float) -> None:
    varied = "".join(json.dumps({"text": f"{i * 7919} 文"}) + "\n" for i in range(5000)).encode()
    path = write(tmp_path / f"a.jsonl{ending}", varied)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError, match=rf"a\.jsonl\{ending}: (truncated|not a valid)"):
        list(read_records(path))


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_file_that_is_not_what_it_says(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(LINES)
    with pytest.raises(InputError, match="not a valid"):
        list(read_records(path))


def test_broken_records_are_skipped_with_their_place(tmp_path: Path) -> None:
    lines = LINES.splitlines(keepends=True)
    path = write(tmp_path / "a.jsonl", lines[0] + b'{"text": \n' + b"\xff\xfe\n[1]\n" + b'{"n": 1}\n\n' + lines[2])
    found: list[tuple[str, str]] = []
    records = list(read_records(path, on_broken=lambda place, reason: found.append((place, reason))))
    assert [record.text for record in records] == [TEXTS[0], TEXTS[2]]
    assert [place.rpartition("#")[2] for place, _ in found] == ["1", "2", "3", "4"]
    assert ["not JSON" in found[0][1], "not UTF-8" in found[1][1], "JSON list" in found[2][1]] == [True] * 3
    with pytest.raises(InputError, match=r"a\.jsonl#1: not JSON"):
        list(read_records(path))


def test_a_wrong_text_field_names_those_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"content": "x", "id": 1}\n')
    with pytest.raises(InputError, match="fields found: content, id"):
        list(read_records(path, on_broken=lambda place, reason: None))


@pytest.mark.parametrize("name", ["missing.jsonl", "a.docx", "a.parquet"])
def test_files_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"no such format")
    with pytest.raises(InputError, match=name):
        list(read_records(tmp_path / name))


def test_paths_expand_sorted(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl.zst", "notes.md"):
        (tmp_path / name).write_bytes(b"")
    names = ["a.jsonl.zst", "b.jsonl"]
    assert [path.name for path in expand_paths(tmp_path)] == names
    assert [path.name for path in expand_paths(str(tmp_path / "*.jsonl*"))] == names
    with pytest.raises(InputError, match="no such file"):
        expand_paths(tmp_path / "c.jsonl")
    with pytest.raises(InputError, match="file here"):
        expand_paths(str(tmp_path / "*.txt"))
