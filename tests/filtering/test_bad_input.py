"""Input as bad as it gets: each a clear message, and nothing that was made is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clean_texts import documents

from hanhua.documents.corpus import read_corpus
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.stage import filter_corpora
from hanhua.services import Services

NOBODY = 65534


def run(path: Path, out: Path) -> list[dict[str, str]]:
    """Filter one file; return the rows of what was rejected."""
    out.mkdir()
    filter_corpora(FilteringConfig(workers=1), {"zh": CorpusConfig(path=str(path))}, out, services=Services())
    lines = (out / "rejected" / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_200_mb_on_one_line_cost_that_line_only(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    with path.open("wb") as file:
        for text in (documents()[0], None, documents()[1]):
            if text is None:
                for _ in range(200):
                    file.write(b'{"text": "' + b"x" * 1_000_000)
                file.write(b"\n")
            else:
                file.write((text if suffix == ".txt" else json.dumps({"text": text})).encode() + b"\n")
    (row,) = run(path, tmp_path / "out")
    assert (row["id"], row["reason"]) == (f"zh:a{suffix}#1", "broken")
    assert "more than 32 MB" in row["value"]
    assert [document.text for document in read_corpus(tmp_path / "out")] == documents()[:2]


def test_a_million_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n" * 500_000 + json.dumps({"text": documents()[0]}).encode() + b"\n" * 500_000)
    assert run(path, tmp_path / "out") == []
    assert [document.id for document in read_corpus(tmp_path / "out")] == ["zh:a.jsonl#500000"]
    path.write_bytes(b"\n" * 1_000_000)
    with pytest.raises(InputError, match="hold no record"):
        run(path, tmp_path / "none")


def test_mixed_encodings_and_missing_fields_in_one_file(tmp_path: Path) -> None:
    rows = [json.dumps({"text": text}, ensure_ascii=False) for text in documents()[:4]]
    data = [rows[0].encode(), rows[1].encode("gb18030"), b'{"body": 1}', b'{"text": "\xff\xfe\xfd"}', rows[2].encode()]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(data))
    rejected = run(tmp_path / "a.jsonl", tmp_path / "out")
    assert [document.text for document in read_corpus(tmp_path / "out")] == documents()[:3]
    assert [row["id"] for row in rejected] == ["zh:a.jsonl#2", "zh:a.jsonl#3"]
    assert ["no text in the field" in rejected[0]["value"], "not UTF-8" in rejected[1]["value"]] == [True, True]


def test_a_file_with_nothing_usable_says_what_was_wrong_first(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xfc\xfd\xff broken\n")
    with pytest.raises(InputError, match=r"broken: 1.*the first: zh:a\.txt#0: not UTF-8"):
        run(tmp_path / "a.txt", tmp_path / "out")


def test_an_unreadable_folder_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "texts" / "closed"
    closed.mkdir(parents=True)
    (tmp_path / "texts" / "a.txt").write_text(documents()[0], encoding="utf-8")
    closed.chmod(0)
    code = (
        "import os, sys; from hanhua.documents.sources import CorpusConfig; from hanhua.errors import InputError\n"
        f"if os.getuid() == 0: os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "try: print(CorpusConfig(path=sys.argv[1]).sources())\nexcept InputError as error: print(error)"
    )
    # pytest's own folders are closed to others: three of them with xdist, two without.
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.name.startswith(("pytest-", "popen-", "test_")):
            folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "texts"], capture_output=True, text=True)
    closed.chmod(0o755)
    assert done.stdout.strip() == f"{closed}: cannot be read (Permission denied)", done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_and_the_work_goes_on_when_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = [f"{number}：{text}" for number in range(4) for text in documents()]
    rows = (json.dumps({"text": text}) for text in texts)
    path.write_text("\n".join(rows), encoding="utf-8")
    settings = tmp_path / "settings.yaml"
    settings.write_text("duplicates: {near: true}\n", encoding="utf-8")
    code = "import sys; from hanhua.cli.main import main; main()"
    arguments = ["filter", "run", f"zh={path}", "--out", small_disk / "out", "--config", settings, "--workers", "1"]
    first = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert first.returncode == 1, first.stderr
    assert "No space left on device; free some space and run the same command again" in first.stderr
    assert not (small_disk / "out").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    second = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert sum(1 for _ in read_corpus(small_disk / "out")) > 200
