"""CSV and TSV: quoting, line ends within fields, rows that do not fit their header."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.documents import read_records
from hanhua.errors import InputError

CELL = st.text(alphabet=st.one_of(st.sampled_from("\"\n\r,;\t' ，“中文a"), st.characters(codec="utf-8")), max_size=20)


def records_of(path: Path, data: str | bytes, **options: str) -> tuple[list[tuple[int, str]], list[tuple[str, str]]]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    broken: list[tuple[str, str]] = []
    found = read_records(path, on_broken=lambda place, why: broken.append((place.rpartition("#")[2], why)), **options)
    return [(record.number, record.text) for record in found], broken


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), st.sampled_from([(".csv", ","), (".tsv", "\t")]))
@settings(max_examples=150, deadline=None)
def test_what_csv_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], kind: tuple[str, str]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=kind[1], quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "other"), *((text, note) for text, note in rows)])
    found, broken = records_of(tmp_path_factory.mktemp("csv") / f"a{kind[0]}", out.getvalue())
    assert (found, broken) == ([(n, text) for n, (text, _) in enumerate(rows)], [])


def test_quotes_line_ends_and_the_named_field(tmp_path: Path) -> None:
    data = '\ufeffid,正文\r\n1,"他说：""好，""\n\n然后走了。"\r\n\r\n2,短\r\n'
    found, broken = records_of(tmp_path / "a.csv", data, text_field="正文")
    assert (found, broken) == ([(0, '他说："好，"\n\n然后走了。'), (1, "短")], [])


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_csv_parted_otherwise(tmp_path: Path, delimiter: str) -> None:
    found, _ = records_of(tmp_path / "a.csv", f"id{delimiter}text\n1{delimiter}甲，乙,丙\n")
    assert found == [(0, "甲，乙,丙")]


def test_a_row_that_does_not_fit_its_header_is_skipped_with_its_place(tmp_path: Path) -> None:
    found, broken = records_of(tmp_path / "a.csv", 'id,text\n1,甲\n2,甲,乙\n3\n4,"甲"乙\n5,乙\n')
    assert found == [(0, "甲"), (4, "乙")]
    assert [place for place, _ in broken] == ["1", "2", "3"]
    assert "3 fields, where the header has 2 (line 3)" in broken[0][1]
    assert "not a row of CSV at line 5" in broken[2][1]


def test_bytes_in_no_encoding_cost_their_row_only(tmp_path: Path) -> None:
    found, broken = records_of(
        tmp_path / "a.csv", "id,text\n1,甲\n".encode() + b'2,"\xff\xff\n\xfe"\n3,' + "乙\n".encode()
    )
    assert found == [(0, "甲"), (2, "乙")]
    assert [place for place, _ in broken] == ["1"]


def test_a_quote_that_is_never_closed_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.csv: a quote opened below line 2 is never closed"):
        records_of(tmp_path / "a.csv", 'id,text\n1,甲\n2,"乙\n3,丙\n')


def test_a_field_far_beyond_the_standard_limit(tmp_path: Path) -> None:
    long = "文" * 3_000_000
    found, _ = records_of(tmp_path / "a.csv", f'text\n"{long}"\n')
    assert found == [(0, long)]


@pytest.mark.parametrize("data", ["id,content\n1,甲\n", "text\n"])
def test_a_file_without_the_field_or_rows(tmp_path: Path, data: str) -> None:
    if "content" in data:
        with pytest.raises(InputError, match="fields found: content, id"):
            records_of(tmp_path / "a.csv", data)
    else:
        assert records_of(tmp_path / "a.csv", data) == ([], [])
