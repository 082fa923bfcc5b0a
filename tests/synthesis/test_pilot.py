"""A pilot tells what the run then takes, is part of it, and shows what came out; two teachers are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from loopback_teacher import Teacher, digest, served_teacher
from note_form import make_texts, note, settings, write_forms

from hanhua.errors import UsageError
from hanhua.services import Services
from hanhua.synthesis.pilot.measure import run_pilot, wilson
from hanhua.synthesis.pilot.page import write_page
from hanhua.synthesis.settings import TeacherSettings
from hanhua.synthesis.stage import synthesize_corpus

PRICES = {"dollars_per_million_prompt_tokens": 1.0, "dollars_per_million_output_tokens": 4.0}


def uneven(body: Any) -> str:
    """Three answers of four are good, the others end in the middle of a sentence."""
    whole = note(body)
    return whole if int(digest(body)[0], 16) % 4 else whole[:-9]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_texts(tmp_path / "corpus")
    write_forms(tmp_path / "forms")
    return tmp_path


def test_the_run_takes_what_the_pilot_says(folder: Path) -> None:
    teacher = Teacher(write=uneven, seconds=0.01)
    with served_teacher(teacher) as url:
        config = settings(url, folder / "forms", teacher=PRICES)
        parts = {"seeds": 30, "ledger": folder / "ledger", "services": Services()}
        data, _ = run_pilot(config, folder / "corpus", earlier={}, **parts)
        asked = set(teacher.notes.asked)
        (folder / "out").mkdir()
        facts = synthesize_corpus(
            config, folder / "corpus", folder / "out", ledger=folder / "ledger", services=Services()
        )
    whole, forms = data["teachers"][0]["whole"], facts["forms"].values()
    assert len(asked) == 60 and all(teacher.notes.whole[key] == 1 for key in asked), "the pilot's answers are the run's"
    real = {
        key: sum(form[key] for form in forms) for key in ("requests", "prompt_tokens", "output_tokens", "good_tokens")
    }
    assert whole["requests"] == real["requests"] > 150
    for key, value in real.items():
        assert whole[key] == pytest.approx(value, rel=0.2), key
    assert whole["dollars"] == pytest.approx(facts["spent"]["dollars"], rel=0.2)
    left = data["teachers"][0]["whole"]["left"]
    assert left["requests"] == real["requests"] - 60 and left["hours"] > 0


def test_two_teachers_are_compared_and_shown_beside_the_source(folder: Path) -> None:
    with served_teacher(Teacher(write=note)) as good, served_teacher(Teacher(write=uneven)) as bad:
        other = TeacherSettings(model="other <b>", base_url=bad)
        config = settings(good, folder / "forms", compared_teacher=other)
        parts = {"seeds": 12, "ledger": folder / "ledger", "services": Services()}
        data, found = run_pilot(config, folder / "corpus", earlier={}, **parts)
        again, _ = run_pilot(config, folder / "corpus", earlier=data, **parts)
        write_page(folder / "pilot.html", data, found)
    first, second = data["teachers"]
    assert (first["model"], second["model"]) == ("loopback", "other <b>")
    for form in ("note", "memo"):
        assert first["forms"][form]["pass_rate"] > second["forms"][form]["pass_rate"]
        assert second["forms"][form]["rejected"]["truncated"] >= 1
        low, high = second["forms"][form]["pass_rate_interval"]
        assert low < second["forms"][form]["pass_rate"] < high
    assert again["teachers"][0]["requests_per_second"] == first["requests_per_second"], "nothing new was timed"
    page = (folder / "pilot.html").read_text(encoding="utf-8")
    assert "other &lt;b&gt;" in page and "truncated" in page and found[0].judged[0].request.seed.text[:20] in page
    assert "http" not in page.split("</style>")[1], "the page needs nothing else"
    with pytest.raises(UsageError, match="is the teacher itself"):
        same = config.model_copy(update={"compared_teacher": config.teacher})
        run_pilot(same, folder / "corpus", earlier={}, **parts)


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (10, 10), (1, 200), (0, 0)])
def test_an_interval_holds_its_share(hits: int, of: int) -> None:
    low, high = wilson(hits, of)
    assert 0 <= low <= (hits / of if of else 0) <= high <= 1
