"""Files as people have them: one row per kind, and the near miss that is an error with a name."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from hanhua.documents import read_records
from hanhua.documents.places import expand_paths
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError

TEXTS = ["第一篇。", "第二篇，中文。", "third"]
ROWS = [{"text": text, "n": number} for number, text in enumerate(TEXTS)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def long_window(data: bytes) -> bytes:
    """As `zstd --long=28` writes it: a window of 256 MB, twice what a decoder takes unasked."""
    parameters = zstandard.ZstdCompressionParameters(window_log=28, compression_level=3)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(data) + packer.flush()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def texts_of(path: Path) -> list[str]:
    return [record.text for record in read_records(path)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", LINES),
        ("a.json.gz", gzip.compress(LINES, mtime=0)),
        ("a.json", b"\n\xef\xbb\xbf".removeprefix(b"\n") + LINES),
        ("a.json", json.dumps(ROWS, indent=1).encode()),
        ("a.ndjson", LINES),
        ("a.ndjson.zst", zstandard.compress(LINES)),
        ("a.jsonl.zst", long_window(LINES)),
        ("a.jsonl.xz", lzma.compress(LINES)),
        ("a.txt.bz2", bz2.compress("\n".join(TEXTS).encode())),
        ("a.parquet.xz", lzma.compress(parquet(pa.table({"text": TEXTS})))),
        ("a.jsonl.zip", zipped({"a.jsonl": LINES})),
        ("a.zip", zipped({"b/2.txt": b"third", "b/1.json": LINES[: LINES.index(b"\n", 40) + 1], "README.md": b"x"})),
        (
            "a.zip",
            zipped({"a.jsonl.gz": gzip.compress(LINES, mtime=0), "__MACOSX/._a.jsonl": b"\0", ".DS_Store": b"\0"}),
        ),
        ("a.zip", zipped({"a.parquet": parquet(pa.table({"text": TEXTS}))})),
        ("data[1].jsonl", LINES),
        ("train (copy) {a}.jsonl", LINES),
    ],
)
def test_each_kind_gives_the_same_texts(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert expand_paths(tmp_path) == expand_paths(str(tmp_path / name)) == [tmp_path / name]
    assert texts_of(tmp_path / name) == TEXTS


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.json", b'{"text": "x",\n', "not readable as JSON"),
        ("a.jsonl.xz", lzma.compress(LINES)[:-20], "truncated"),
        ("a.jsonl.bz2", bz2.compress(LINES)[:-20], "truncated"),
        ("a.jsonl.bz2", LINES, "not a valid .bz2"),
        ("a.jsonl.xz", LINES, "not a valid .xz"),
        ("a.jsonl.zst", long_window(LINES)[:-8], "truncated"),
        ("a.zip", LINES, "not a valid .zip"),
        ("a.zip", zipped({"a.docx": b"x"}), "no .jsonl"),
        ("a.arrow", LINES, "not a readable Arrow file"),
    ],
)
def test_each_kind_that_is_broken_is_named(tmp_path: Path, name: str, data: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name}.*{problem}"):
        texts_of(tmp_path / name)


def test_numbers_go_on_from_member_to_member_of_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"1.jsonl": LINES, "2.jsonl": b"[1]\n" + LINES}))
    found: list[tuple[str, str]] = []
    records = list(read_records(path, on_broken=lambda place, reason: found.append((place, reason))))
    assert [record.number for record in records] == [0, 1, 2, 4, 5, 6]
    assert [place.rpartition("#")[2] for place, _ in found] == ["3"] and "2.jsonl: a JSON list" in found[0][1]


def test_a_name_with_brackets_is_a_pattern_only_where_no_such_file_is(tmp_path: Path) -> None:
    folder = tmp_path / "v[1]"
    folder.mkdir()
    for name in ("a1.jsonl", "a2.jsonl", "a[1].jsonl"):
        (folder / name).write_bytes(LINES)
    assert [path.name for path in expand_paths(folder / "a[1].jsonl")] == ["a[1].jsonl"]
    assert [path.name for path in expand_paths(str(folder / "a[12].jsonl"))] == ["a1.jsonl", "a2.jsonl"]
    assert len(expand_paths(str(folder / "*.jsonl"))) == 3
    with pytest.raises(InputError, match="file here"):
        expand_paths(str(folder / "b[1].jsonl"))


def test_parquet_reads_the_columns_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    year_10000 = pa.array([253402300800] * 3, type=pa.timestamp("s"))
    path.write_bytes(parquet(pa.table({"text": TEXTS, "at": year_10000, "url": ["u"] * 3})))
    assert texts_of(path) == TEXTS
    assert [record.fields for record in read_records(path, columns=["url", "source"])] == [{"url": "u"}] * 3
    assert [record.fields["at"] for record in read_records(path)] == ["10000-01-01 00:00:00.000"] * 3
    with pytest.raises(InputError, match="fields found: at, text, url"):
        list(read_records(path, text_field="content", columns=[], on_broken=lambda place, why: None))


def test_a_column_of_days_beside_the_text_stays_what_it_is(tmp_path: Path) -> None:
    day = datetime.date(2024, 1, 15)
    (tmp_path / "a.parquet").write_bytes(parquet(pa.table({"text": TEXTS, "day": [day] * 3})))
    assert [record.fields for record in read_records(tmp_path / "a.parquet")] == [{"day": day}] * 3


def test_a_folder_of_the_hub_has_descriptions_that_are_no_records(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train-00000-of-00001.parquet").write_bytes(parquet(pa.table({"text": TEXTS})))
    (tmp_path / "dataset_infos.json").write_text('{"default": {"features": {}}}', encoding="utf-8")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.json").write_text("{}", encoding="utf-8")
    assert [path.name for path in expand_paths(tmp_path)] == ["train-00000-of-00001.parquet"]


def write_arrow(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def saved(folder: Path, texts: list[str]) -> None:
    """A folder as `Dataset.save_to_disk` writes it."""
    write_arrow(folder / "data-00000-of-00001.arrow", pa.table({"text": texts, "n": list(range(len(texts)))}))
    write_arrow(folder / "cache-1f.arrow", pa.table({"text": ["computed"]}))
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    (folder / "dataset_info.json").write_text('{"features": {}}')


def test_a_folder_that_save_to_disk_wrote(tmp_path: Path) -> None:
    saved(tmp_path, TEXTS)
    (path,) = expand_paths(tmp_path)
    assert [(record.text, record.fields) for record in read_records(path)] == [
        (text, {"n": number}) for number, text in enumerate(TEXTS)
    ]


def test_of_several_splits_that_were_saved_one_is_read(tmp_path: Path) -> None:
    for split in ("train", "test"):
        saved(tmp_path / split, [split])
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    for split in ("train", "test"):
        (source,) = CorpusConfig(path=str(tmp_path), split=split).sources()
        assert texts_of(Path(source)) == [split]
    with pytest.raises(InputError, match="no split 'validation'; it has train, test"):
        CorpusConfig(path=str(tmp_path), split="validation").sources()


def test_the_arrow_file_format_is_read_too(tmp_path: Path) -> None:
    table = pa.table({"text": TEXTS})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert texts_of(tmp_path / "a.arrow") == TEXTS


TURNS = [("user", "怎么泡茶？"), ("assistant", "水温八十度。")]


@pytest.mark.parametrize(
    ("text_field", "record", "text"),
    [
        ("template:alpaca", {"instruction": "翻译", "input": "你好", "output": "hello"}, "翻译\n\n你好\n\nhello"),
        ("template:alpaca", {"instruction": "写诗", "input": "", "output": "床前"}, "写诗\n\n床前"),
        ("template:alpaca", {"instruction": "写诗", "output": "床前"}, "写诗\n\n床前"),
        (
            "template:sharegpt",
            {"conversations": [{"from": who, "value": what} for who, what in TURNS]},
            "怎么泡茶？\n\n水温八十度。",
        ),
        (
            "template:messages",
            {"messages": [{"role": who, "content": what} for who, what in TURNS]},
            "怎么泡茶？\n\n水温八十度。",
        ),
        (
            "template:messages",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "看图"}, {"type": "image"}]}]},
            "看图",
        ),
        ("{title}\\n{body}", {"title": "题", "body": "文"}, "题\n文"),
        ("{title}\n{body}", {"title": "题", "body": None}, "题"),
        ("content", {"content": "{title}"}, "{title}"),
    ],
)
def test_a_text_of_several_fields(tmp_path: Path, text_field: str, record: dict[str, object], text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**record, "id": 7}, ensure_ascii=False), encoding="utf-8")
    (found,) = read_records(path, text_field=text_field)
    assert (found.text, found.fields) == (text, {"id": 7})


@pytest.mark.parametrize(
    ("text_field", "record"),
    [
        ("template:alpaca", {"text": "x"}),
        ("template:sharegpt", {"conversations": "x"}),
        ("template:messages", {"messages": []}),
        ("{a}", {"a": ""}),
    ],
)
def test_a_record_that_has_nothing_of_a_template_is_told(tmp_path: Path, text_field: str, record: object) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match="no text in the field"):
        list(read_records(path, text_field=text_field))


# Bytes and code point by GB 18030-2022; Python's codec gives U+E78D to U+E864.
OF_2022 = {
    "A6D9": "\ufe10", "A6DA": "\ufe12", "A6DB": "\ufe11", "A6DC": "\ufe13", "A6DF": "\ufe16", "A6EC": "\ufe17",
    "A6F3": "\ufe19", "A8BC": "ḿ", "FE59": "龴", "FE61": "龵", "FE66": "龶", "FE67": "龷", "FE6D": "龸", "FE7E": "龹",
    "FE90": "龺", "FEA0": "龻", "FE51": "𠂇", "FE52": "𠂉", "FE53": "𠃌", "FE6C": "𡗗", "FE76": "𢦏", "FE91": "𤇾",
}  # fmt: skip


@pytest.mark.parametrize(("code", "character"), OF_2022.items())
@pytest.mark.parametrize("suffix", [".txt", ".json"])
def test_gb_18030_of_2022(tmp_path: Path, code: str, character: str, suffix: str) -> None:
    around = "我们在汉字部首里看到这个字形，请大家记住它的写法。"
    data = around.encode("gb18030") + bytes.fromhex(code) + around.encode("gb18030")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data if suffix == ".txt" else b'[{"text": "' + data + b'"}]')
    assert texts_of(path) == [around + character + around]


def test_private_use_of_a_utf_8_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("我们自己造的字\ue81e在这里", encoding="utf-8")
    assert texts_of(tmp_path / "a.txt") == ["我们自己造的字\ue81e在这里"]
