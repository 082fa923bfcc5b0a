"""Labels on disk, who outvotes whom, and how far judges agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.errors import InputError
from hanhua.filtering.labeling.agreement import agreements, cohens_kappa
from hanhua.filtering.labeling.label_file import Label, LabelFile, settled


def test_labels_are_there_again_and_can_be_taken_back(tmp_path: Path) -> None:
    file = LabelFile(tmp_path / "labels.jsonl")
    file.add("a", "keep", judge="one")
    file.add("b", "junk", judge="one")
    file.add("b", "gambling", judge="two")
    file.undo("a", judge="one")
    file.add("b", "fraud", judge="one")
    assert file.labels() == [Label("b", "gambling", "two"), Label("b", "fraud", "one")]
    assert LabelFile(tmp_path / "labels.jsonl").labels() == file.labels()
    with pytest.raises(InputError, match="expected one of keep, junk"):
        file.add("c", "spam", judge="one")


def test_a_line_cut_short_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    LabelFile(path).add("a", "keep", judge="one")
    path.write_bytes(path.read_bytes() + b'{"key": "b", "label": "ju')
    LabelFile(path).add("c", "junk", judge="one")
    assert LabelFile(path).by("one") == {"a": "keep", "c": "junk"}


def test_only_the_owner_may_read_labels(tmp_path: Path) -> None:
    LabelFile(tmp_path / "labels.jsonl").add("a", "keep", judge="one")
    assert (tmp_path / "labels.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([("one", "junk")], "junk"),
        ([("model:m", "keep"), ("one", "junk")], "junk"),
        ([("one", "junk"), ("two", "keep")], None),
        ([("one", "junk"), ("two", "junk")], "junk"),
        ([("model:m", "keep"), ("model:n", "junk")], None),
        ([("model:m", "harmless"), ("model:n", "junk")], "junk"),
        ([("model:m", "harmless"), ("model:n", "hate")], None),
        ([("one", "unsure"), ("model:m", "hate")], "hate"),
        ([("one", "unsure")], None),
    ],
)
def test_who_outvotes_whom(said: list[tuple[str, str]], expected: str | None) -> None:
    assert settled(Label("a", label, judge) for judge, label in said).get("a") == expected


def test_agreement_is_of_texts_judged_by_both() -> None:
    one = [Label(key, label, "one") for key, label in (("a", "keep"), ("b", "junk"), ("c", "keep"), ("d", "junk"))]
    two = [Label(key, label, "two") for key, label in (("a", "keep"), ("b", "junk"), ("c", "junk"), ("e", "junk"))]
    (found,) = agreements([*one, *two, Label("z", "keep", "three")])
    assert (found.judges, found.texts, round(found.agreed, 3)) == (("one", "two"), 3, 0.667)
    assert found.kappa == pytest.approx(0.4)


def test_kappa_of_one_label_is_undefined_and_of_chance_is_zero() -> None:
    assert cohens_kappa([("keep", "keep")] * 3) is None
    assert cohens_kappa([("keep", "keep"), ("keep", "junk"), ("junk", "keep"), ("junk", "junk")]) == 0
