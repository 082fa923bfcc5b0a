from pathlib import Path

import pytest

from hanhua.errors import UsageError
from hanhua.vocab_extension.measuring.figures import check_plot, draw_measures
from hanhua.vocab_extension.measuring.measure import measure_with_languages, open_subject


def test_a_drawing_names_what_it_shows_and_is_the_same_twice(
    base: Path, extension: Path, texts: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    subjects = [open_subject(base, name="base"), open_subject(extension, name="扩展")]
    rows = measure_with_languages(subjects, {"中文.jsonl": texts})
    for name in ("one.svg", "two.svg", "one.png"):
        draw_measures(rows, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert all(word in drawn for word in ("base", "扩展", "中文.jsonl", "zh-Hans", "characters per token"))
    assert drawn == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert (tmp_path / "one.png").read_bytes()[:4] == b"\x89PNG"


def test_what_cannot_be_drawn_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg or \.png"):
        check_plot(tmp_path / "plot.pdf")
    with pytest.raises(UsageError, match="no such folder"):
        check_plot(tmp_path / "missing" / "plot.svg")
