import random
from pathlib import Path

import pytest

from hanhua.vocab_extension.learning.counts import CountedStrings, CountFile, PretokenCounts, sum_counts, write_counts

Rows = dict[str, tuple[int, int]]


def as_dict(counted: CountedStrings) -> dict[str, tuple[int, int, int, bool]]:
    columns = (counted.weight_S, counted.count_S, counted.documents_S, counted.listed_S)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(counted.strings.to_pylist(), values, strict=True))


def write(folder: Path, tables: list[Rows]) -> list[CountFile]:
    return [write_counts(folder / f"{n}.counts", PretokenCounts.of(table)) for n, table in enumerate(tables)]


def test_counts_add_and_document_sets_unite(tmp_path: Path) -> None:
    a, b, c = write(tmp_path, [{"我们": (2, 0b01), "，我": (1, 1 << 63)}, {"我们": (3, 0b10)}, {"我们": (7, 0b100)}])
    files = [CountFile(a.path, 2, 10), CountFile(b.path, 1, 100), CountFile(c.path, 1, 1, occurs=False)]
    assert as_dict(sum_counts(files, max_strings=10)) == {
        "我们": (2 * 10 + 3 * 100 + 7, 5, 0b11, True),
        "，我": (10, 1, 1 << 63, False),
    }


def test_files_in_any_order_and_number_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {f"词{n}": (n + 1, 1 << n % 64) for n in range(500)}
    names = list(rows)
    random.Random(3).shuffle(names)
    (whole,) = write(tmp_path, [rows])
    (tmp_path / "parts").mkdir()
    parts = write(tmp_path / "parts", [{name: rows[name] for name in names[n::7]} for n in range(7)])
    monkeypatch.setattr("hanhua.vocab_extension.learning.counts._ROWS_AT_ONCE", 60)
    one, many = sum_counts([whole], max_strings=1000), sum_counts(parts[::-1], max_strings=1000)
    assert one.strings.to_pylist() == many.strings.to_pylist()
    assert as_dict(one) == as_dict(many) == {s: (c, c, d, False) for s, (c, d) in rows.items()}


def test_a_sample_stands_for_what_is_left_out(tmp_path: Path) -> None:
    rows = {f"罕见{n}": (1 + n % 3, 1) for n in range(20_000)} | {f"常见{n}": (5000 + n, 3) for n in range(50)}
    (file,) = write(tmp_path, [rows])
    sample = sum_counts([file], max_strings=2000)
    found = as_dict(sample)
    assert 1800 <= len(found) <= 2200
    assert sample.sampled == len(rows) - len(found)
    assert all(found[f"常见{n}"][0] == 5000 + n for n in range(50))  # what is common is always there, and exact
    rare = sum(weight for string, (weight, *_) in found.items() if string.startswith("罕"))
    assert rare == pytest.approx(sum(c for s, (c, _) in rows.items() if s.startswith("罕")), rel=0.1)


def test_a_bound_that_is_not_met_changes_nothing(tmp_path: Path) -> None:
    (file,) = write(tmp_path, [{f"词{n}": (1, 1) for n in range(100)}])
    assert sum_counts([file], max_strings=100).sampled == 0


def test_no_files_are_no_strings() -> None:
    counted = sum_counts([], max_strings=10)
    assert len(counted) == 0


def test_counts_by_string_are_columns_and_back() -> None:
    rows = {"我们": (2, 1 << 63), "，我": (1 << 40, 5), "": (7, 0)}
    assert PretokenCounts.of(rows).as_dict() == rows
    assert PretokenCounts.of({}).as_dict() == {}


def test_the_weight_of_each_source_is_told_where_it_is_wanted(tmp_path: Path) -> None:
    a = write_counts(tmp_path / "a", PretokenCounts.of({"用户": (3, 1), "天气": (1, 1)}))
    b = write_counts(tmp_path / "b", PretokenCounts.of({"用户": (2, 2)}))
    words = write_counts(tmp_path / "words", PretokenCounts.of({"用户": (7, 0), "词典": (5, 0)}))
    files = [
        CountFile(a.path, 2, 10, source=0),
        CountFile(b.path, 1, 100, source=1),
        CountFile(words.path, 2, occurs=False),
    ]
    counted = sum_counts(files, max_strings=10, by_source=True)
    assert counted.weight_RS is not None
    by_string = dict(zip(counted.strings.to_pylist(), counted.weight_RS.T.tolist(), strict=True))
    assert by_string == {"用户": [30, 200], "天气": [10, 0], "词典": [0, 0]}
    assert sum_counts(files, max_strings=10).weight_RS is None


def test_a_sample_stands_for_every_source(tmp_path: Path) -> None:
    parts = [
        write_counts(tmp_path / str(n), PretokenCounts.of({f"{m}号": (1 + m % 3, 1) for m in range(n, 4000, 2)}))
        for n in range(2)
    ]
    files = [CountFile(part.path, part.rows, 1 + n, source=n) for n, part in enumerate(parts)]
    whole = sum_counts(files, max_strings=10_000, by_source=True).weight_RS
    sample = sum_counts(files, max_strings=1000, by_source=True)
    assert whole is not None and sample.weight_RS is not None and len(sample) < 1100
    assert sample.weight_RS.sum(axis=0) == pytest.approx(sample.weight_S)
    assert sample.weight_RS.sum(axis=1) == pytest.approx(whole.sum(axis=1), rel=0.15)
