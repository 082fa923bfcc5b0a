"""Manifests and hashes: an artifact is its content, whatever changed is named, and half a file is never seen."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.artifacts.files import CHUNK_BYTES, files_below, read_json, sha256_of, write_durably, write_json
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.manifest import (
    MANIFEST,
    Artifact,
    FileEntry,
    content_hash,
    hash_files,
    library_versions,
    open_artifact,
    write_manifest,
)
from hanhua.errors import InputError, InvariantError

NAMES = st.from_regex(r"\A[a-z]{1,4}(/[a-z]{1,4})?\.txt\Z")
TREES = st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=6)
ENTRIES = st.lists(
    st.builds(FileEntry, NAMES, st.integers(0, 9), st.sampled_from(["a" * 64, "b" * 64])), max_size=6, unique=True
)


def written(folder: Path, tree: dict[str, bytes]) -> Path:
    for name, data in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def finished(folder: Path, tree: dict[str, bytes], **facts: object) -> Artifact:
    return write_manifest(written(folder, tree), kind="corpus", config={"a": 1}, inputs={}, facts=facts)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_matter_and_each_of_them_does(entries: list[FileEntry], chance: object) -> None:
    other = entries.copy()
    chance.shuffle(other)  # type: ignore[attr-defined]
    whole = content_hash(tuple(entries))
    assert content_hash(tuple(other)) == whole
    for left_out in range(len(entries)):
        assert content_hash(tuple(entries[:left_out] + entries[left_out + 1 :])) != whole


@given(tree=TREES)
@settings(max_examples=25)
def test_what_is_written_is_opened_again(tree: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("artifact")
    made = finished(folder, tree, documents=3, name="汉化")
    assert open_artifact(folder, kind="corpus") == made
    assert made.facts == {"documents": 3, "name": "汉化"} and made.config == {"a": 1}
    assert {entry.path: entry.size for entry in made.files} == {name: len(data) for name, data in tree.items()}
    for entry in made.files:
        assert entry.sha256 == hashlib.sha256(tree[entry.path]).hexdigest()
    assert FileHashes.forgetful().check(made) == made


@given(tree=TREES)
@settings(max_examples=25)
def test_facts_logs_and_work_are_outside_the_hash(
    tree: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    one, other = (tmp_path_factory.mktemp(name) for name in ("one", "other"))
    (other / "logs").mkdir()
    (other / "logs" / "stage.log").write_text("said")
    (other / "work").mkdir()
    (other / "work" / "half").write_text("half")
    assert finished(one, tree, seconds=1).content_hash == finished(other, tree, seconds=2).content_hash
    assert [entry.path for entry in hash_files(other)] == [entry.path for entry in hash_files(one)]


def test_a_part_has_the_hash_of_what_is_in_it_wherever_it_lies(tmp_path: Path) -> None:
    inside = {"model/a.txt": b"1", "model/b.txt": b"2"}
    whole = finished(tmp_path / "whole", {**inside, "x.txt": b"3"})
    alone = finished(tmp_path / "alone", {"a.txt": b"1", "b.txt": b"2"})
    part = whole.part("model")
    assert part.content_hash == alone.content_hash != whole.content_hash
    assert [entry.path for entry in part.files] == ["a.txt", "b.txt"]
    with pytest.raises(InputError, match="no part 'mod'"):
        whole.part("mod")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "a.txt").write_bytes(b"2"), "a.txt: changed since it was finished"),
        (lambda folder: (folder / "a.txt").write_bytes(b"11"), "a.txt: changed since it was finished"),
        (lambda folder: (folder / "a.txt").unlink(), "a.txt: missing, though manifest.json lists it"),
    ],
)
def test_a_changed_file_is_named(change: object, message: str, tmp_path: Path) -> None:
    made = finished(tmp_path / "made", {"a.txt": b"1", "b.txt": b"1"})
    change(made.path)  # type: ignore[operator]
    with pytest.raises(InvariantError, match=message):
        FileHashes(tmp_path / "hashes.json").check(made)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kind": "tokenizer"}, InputError, "a tokenizer artifact, where a corpus was expected"),
        ({"format_version": 0}, InputError, "not a manifest of format 1"),
        ({"content_hash": "0" * 64}, InvariantError, "edited by hand"),
        ({"files": []}, InvariantError, "edited by hand"),
    ],
)
def test_a_manifest_that_is_not_one_is_refused(
    change: dict[str, object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    made = finished(tmp_path, {"a.txt": b"1"})
    write_json(made.path / MANIFEST, {**read_json(made.path / MANIFEST), **change})
    with pytest.raises(error, match=message):
        open_artifact(tmp_path, kind="corpus")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3"])
def test_half_a_manifest_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=MANIFEST):
        open_artifact(tmp_path)
    with pytest.raises(InputError, match="not a finished artifact"):
        open_artifact(tmp_path / "nowhere")


def test_a_file_is_hashed_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counting(path: Path) -> str:
        read.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr("hanhua.artifacts.hashes.sha256_of", counting)
    path = tmp_path / "a.bin"
    path.write_bytes(b"1")
    memory = tmp_path / "memory" / "hashes.json"
    first = FileHashes(memory).of(path)
    assert FileHashes(memory).of(path) == first and read == ["a.bin"], "remembered by another process too"
    path.write_bytes(b"2")
    assert FileHashes(memory).of(path) != first and len(read) == 2
    os.utime(path, ns=(1, 1))
    FileHashes(memory).of(path)
    assert len(read) == 3
    memory.write_text("{broken")
    FileHashes(memory).of(path)
    assert len(read) == 4, "a memory that is broken is none"


def test_a_process_beside_another_notes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"1")
    quiet = FileHashes(tmp_path / "hashes.json", keep=False)
    assert quiet.of(path) == FileHashes.forgetful().of(path) == hashlib.sha256(b"1").hexdigest()
    assert not (tmp_path / "hashes.json").exists()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_hash_is_of_every_byte(size: int, tmp_path: Path) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "a").write_bytes(data[:size])
    assert sha256_of(tmp_path / "a") == hashlib.sha256(data[:size]).hexdigest()


@given(tree=TREES)
@settings(max_examples=25)
def test_files_come_sorted_by_their_path(tree: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = written(tmp_path_factory.mktemp("tree"), tree)
    assert [path.relative_to(folder).as_posix() for path in files_below(folder)] == sorted(tree)


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"文": [1, 2]})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_json(path, {"x": object()})
    with pytest.raises(UnicodeEncodeError):
        write_durably(path, "\ud800")
    assert path.read_bytes() == before
    assert "文" in path.read_text(encoding="utf-8") and read_json(path) == {"文": [1, 2]}


@pytest.mark.parametrize(
    ("data", "message"), [(None, "no such file"), (b"{", "not readable as JSON"), (b"\xff", "not readable as JSON")]
)
def test_json_that_cannot_be_read_names_its_file(data: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=f"a.json: {message}"):
        read_json(path)


def test_versions_of_what_is_and_is_not_installed() -> None:
    found = library_versions(("pydantic", "no-such-distribution"))
    assert found["no-such-distribution"] == "absent" and found["pydantic"][0].isdigit()
    assert json.dumps(found)
