"""Encodings: told with certainty or not at all, file by file and line by line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.documents import read_records
from hanhua.documents.encodings import NotDecodable, decode_line, detect_encoding
from hanhua.errors import InputError

SIMPLIFIED = (
    "清晨的集市上人来人往，卖豆腐的老人把担子放在桥头。",
    "他从怀里掏出一封信，看了很久，又把它折好放了回去。",
    "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？",
    "数据库的每一个分片都有三个副本，写入时要得到多数的确认。",
)
TRADITIONAL = (
    "清晨的市集上人來人往，賣豆腐的老人把擔子放在橋頭。",
    "他從懷裡掏出一封信，看了很久，又把它摺好放了回去。",
    "本法所稱主管機關，在中央為內政部，在地方為縣市政府。",
    "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。",
)
SUFFIXES = [".txt", ".jsonl", ".csv", ".json"]


def file_of(path: Path, texts: tuple[str, ...], codec: str) -> Path:
    suffix = path.suffixes[0]
    if suffix == ".txt":
        data = "\n".join(texts)
    elif suffix == ".csv":
        data = "text,n\n" + "".join(f'"{text}",1\n' for text in texts)
    elif suffix == ".json":
        data = json.dumps([{"text": text} for text in texts], ensure_ascii=False)
    else:
        data = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    raw = data.encode(codec)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".txt.gz"])
@pytest.mark.parametrize(
    ("codec", "name", "texts"),
    [
        ("gb18030", "GB18030", SIMPLIFIED),
        ("gbk", "GB18030", TRADITIONAL),
        ("big5", "Big5", TRADITIONAL),
        ("utf-16", "UTF-16", SIMPLIFIED),
        ("utf-8-sig", "", SIMPLIFIED),
    ],
)
def test_files_are_read_as_what_they_are_and_it_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, codec: str, name: str, texts: tuple[str, ...]
) -> None:
    path = file_of(tmp_path / f"a{suffix}", texts, codec)
    assert [record.text for record in read_records(path)] == list(texts)
    assert capsys.readouterr().err == (f"{path}: read as {name}\n" if name else "")


@pytest.mark.parametrize("data", [b"", b"plain ASCII\n" * 9, "café, naïve, Größe\n".encode("latin-1") * 50])
def test_what_is_not_certainly_chinese_stays_utf8(data: bytes) -> None:
    assert detect_encoding(data) == "utf-8"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("これは日本語の文章です。よろしくお願いします。", "euc_jp"),
        ("これは日本語の文章です。よろしくお願いします。", "shift_jis"),
        ("이것은 한국어 문장입니다. 감사합니다.", "euc_kr"),
        ("Это предложение на русском языке.", "koi8-r"),
    ],
)
def test_neighbors_are_not_read_as_chinese(text: str, codec: str) -> None:
    with pytest.raises(NotDecodable):
        decode_line(text.encode(codec), "utf-8")


def test_a_character_cut_by_the_end_of_the_sample_changes_nothing() -> None:
    whole = "".join(SIMPLIFIED).encode()
    assert {detect_encoding(whole[:end]) for end in range(30, 60)} == {"utf-8"}


def test_lines_in_another_encoding_are_read_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.dumps({"text": text}, ensure_ascii=False) for text in (*SIMPLIFIED, *TRADITIONAL)]
    codecs = ["utf-8", "gb18030", "utf-8", "gb18030", "utf-8", "big5", "utf-8", "utf-8"]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(row.encode(codec) + b"\n" for row, codec in zip(rows, codecs, strict=True)))
    assert [record.text for record in read_records(path)] == [*SIMPLIFIED, *TRADITIONAL]
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{path}: 1 lines are Big5, not UTF-8; read as such",
        f"{path}: 2 lines are GB18030, not UTF-8; read as such",
    ]


def test_utf8_lines_in_a_gb18030_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    rows = [text.encode("gb18030") for text in SIMPLIFIED]
    path.write_bytes(b"\n".join([*rows, TRADITIONAL[0].encode(), "联通".encode("gb18030")]))
    assert [record.text for record in read_records(path)] == [*SIMPLIFIED, TRADITIONAL[0], "联通"]


def test_lines_that_cannot_be_told_are_skipped_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\n".join([SIMPLIFIED[0].encode(), "Größe à côté".encode("latin-1"), b"\xff\xff\xff", b"end"]))
    found: list[tuple[str, str]] = []
    records = list(read_records(path, on_broken=lambda place, reason: found.append((place, reason))))
    assert [record.text for record in records] == [SIMPLIFIED[0], "end"]
    assert [place for place, _ in found] == [f"{path}#1", f"{path}#2"]
    assert "not UTF-8 (byte 2:" in found[0][1]


def test_utf16_that_breaks_off_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\n".join(SIMPLIFIED).encode("utf-16")[:-1])
    with pytest.raises(InputError, match=r"a\.txt: not valid UTF-16"):
        list(read_records(path))


@given(
    st.lists(st.sampled_from(SIMPLIFIED), min_size=1, max_size=3).map("".join), st.sampled_from(["gb18030", "utf-8"])
)
@settings(max_examples=60, deadline=None)
def test_decoding_undoes_encoding(text: str, codec: str) -> None:
    for file_codec in ("utf-8", "gb18030", "big5hkscs"):
        assert decode_line(text.encode(codec), file_codec) == (text, codec)
