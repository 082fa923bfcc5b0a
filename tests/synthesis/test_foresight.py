"""A pilot's intervals: over sections, by form, with both prices; and how many sections would do."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from note_form import write_forms

from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.verdict import Verdict
from hanhua.synthesis.forms.form import Form
from hanhua.synthesis.forms.library import load_forms
from hanhua.synthesis.judging import FormTally, Judged, tally
from hanhua.synthesis.ledger.records import Cost, Entry
from hanhua.synthesis.pilot.cautions import ceiling_cautions, enough_sections, foresight_cautions, rejection_cautions
from hanhua.synthesis.pilot.foresight import WIDE, Foreseen, foresee, values_of
from hanhua.synthesis.request import Request
from hanhua.synthesis.seed import Seed
from hanhua.synthesis.settings import AskingSettings, TeacherSettings

TEACHER = TeacherSettings(model="t", dollars_per_million_prompt_tokens=1.0, dollars_per_million_output_tokens=4.0)
SECTIONS = 200


@pytest.fixture
def answered(tmp_path: Path) -> list[list[Judged]]:
    """By section, an answer in each of two forms, long ones for the same sections, a third of them not kept."""
    forms = load_forms(["note", "memo"], folder=write_forms(tmp_path / "forms"))
    draws = random.Random(0)
    lengths = [int(draws.lognormvariate(5, 0.8)) for _ in range(SECTIONS)]
    return [
        [answer(form, number, 300 + number % 50, length) for form in forms] for number, length in enumerate(lengths)
    ]


def answer(form: Form, number: int, prompt: int, output: int) -> Judged:
    seed = Seed(f"d{number}", 0, "文", "", "zh", "MIT", "zh")
    request = Request(f"{form.name}{number}", "", form, seed, {})
    kept = number % 3 > 0
    entry = Entry(Answer("答", "stop", prompt, output), "", "", "", Cost(), 0.0)
    return Judged(request, entry, Verdict(kept, None if kept else "form", "", "答"))


def whole(pilot: list[list[Judged]], teacher: TeacherSettings = TEACHER) -> dict[str, Foreseen]:
    judged = [one for section in pilot for one in section]
    planned = {"note": SECTIONS, "memo": SECTIONS}
    return {
        name: foresee(judged, value, planned, sections=len(pilot), of_all=SECTIONS)
        for name, value in values_of(teacher).items()
    }


def real(answered: list[list[Judged]], name: str) -> float:
    return sum(values_of(TEACHER)[name](one) for section in answered for one in section)


@pytest.mark.parametrize("sections", [10, 40])
def test_the_interval_holds_the_truth_as_often_as_it_says(answered: list[list[Judged]], sections: int) -> None:
    draws, names = random.Random(1), ("output_tokens", "good_tokens", "dollars")
    pilots = [whole(draws.sample(answered, sections)) for _ in range(120)]
    for name in names:
        truth = real(answered, name)
        held = sum(one[name].interval[0] <= truth <= one[name].interval[1] for one in pilots if one[name].interval)
        assert held >= 0.87 * len(pilots), name
        assert sum(one[name].estimate for one in pilots) / len(pilots) == pytest.approx(truth, rel=0.1)


def test_two_forms_of_one_section_are_no_two_witnesses(answered: list[list[Judged]]) -> None:
    both, alone = whole(answered[:20]), whole([section[:1] for section in answered[:20]])
    one = foresee(
        [section[0] for section in answered[:20]],
        values_of(TEACHER)["output_tokens"],
        {"note": SECTIONS},
        sections=20,
        of_all=SECTIONS,
    )
    assert both["output_tokens"].reach == pytest.approx(one.reach), "the second form says the same"
    assert alone["output_tokens"].interval is None, "nothing was asked in the other form"
    assert alone["output_tokens"].estimate == pytest.approx(both["output_tokens"].estimate)


def test_so_many_sections_as_it_says_do(answered: list[list[Judged]]) -> None:
    few = whole(answered[:12])
    enough = enough_sections(few)
    assert few["good_tokens"].is_wide and 12 < enough < SECTIONS
    draws = random.Random(2)
    reaches = [whole(draws.sample(answered, enough))["good_tokens"].reach or 0 for _ in range(40)]
    assert sum(reaches) / len(reaches) == pytest.approx(WIDE, rel=0.3)
    everything = whole(answered)
    assert all(one.interval == (one.estimate, one.estimate) for one in everything.values())
    assert enough_sections(everything) == 0


def test_money_is_of_what_is_sent_and_of_what_is_answered(answered: list[list[Judged]]) -> None:
    found = whole(answered[:30])
    sent, said = found["prompt_tokens"].estimate, found["output_tokens"].estimate
    assert found["dollars"].estimate == pytest.approx((sent + 4 * said) / 1e6)
    assert "dollars" not in whole(answered[:30], TEACHER.model_copy(update={
        "dollars_per_million_prompt_tokens": 0.0, "dollars_per_million_output_tokens": 0.0}))  # fmt: skip


def test_it_is_said_what_to_do(answered: list[list[Judged]]) -> None:
    def told(pilot: list[list[Judged]], by_form: dict[str, int]) -> str:
        return " ".join(foresight_cautions(whole(pilot), sections=len(pilot), of_all=SECTIONS, by_form=by_form))

    few = answered[:12]
    asks = f"--pilot {enough_sections(whole(few))}"
    wide = told(few, {"note": 12, "memo": 12})
    assert "by 12 of 200 sections" in wide and "good tokens ±" in wide and asks in wide
    assert told(answered, {"note": SECTIONS, "memo": SECTIONS}) == ""
    assert "no section of 12 went through the form memo" in told([one[:1] for one in few], {"note": 12, "memo": 0})
    tallies: dict[str, FormTally] = {}
    for section in few:
        tally(replace(section[0], verdict=Verdict(False, "copy", "", "")), tallies)
        tally(section[1], tallies)
    (nothing,) = rejection_cautions(tallies)
    assert "nothing was kept of the form note (12 asked; copy 12)" in nothing


def test_a_ceiling_that_will_stop_the_run_is_told_before() -> None:
    whole = {"tokens": 1000.0, "intervals": {"tokens": (900.0, 1200.0)}, "left": {"tokens": 800.0}}
    spent = Cost(300, 0.0)
    (said,) = ceiling_cautions(whole, AskingSettings(max_tokens=1250), spent)
    assert "asking.max_tokens: 1,250" in said and "up to 1,000" in said
    assert ceiling_cautions(whole, AskingSettings(max_tokens=1300), spent) == []
