"""A release tells of its synthetic text, meets what the teacher's license asks, and is refused where it forbids it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_release import artifacts, finished, job

from hanhua.artifacts.manifest import Artifact
from hanhua.errors import InputError
from hanhua.release.stage import make_release, read_duties
from hanhua.release.synthetic import teacher_duties
from hanhua.services import Services
from hanhua.synthesis.licenses.verdicts import TeacherTable


def inputs_taught_by(root: Path, teacher: str) -> dict[str, Artifact]:
    made = artifacts(root)
    (root / "enlarged").mkdir()
    (root / "enlarged" / "content.txt").write_text("enlarged", encoding="utf-8")
    counted = {"documents": 1200, "characters": 345_678, "output_tokens": 200_000}
    facts = {"teacher": {"model": teacher, "revision": "", "license": ""}, "synthetic": {"synthetic_faq": counted}}
    made["enlarged_corpus"] = finished(root / "enlarged", "enlarged_corpus", facts)
    trained = {"zh": {"share": 0.6}, "synthetic_faq": {"share": 0.4}}
    (root / "trained").mkdir()
    (root / "adapted" / "model").rename(root / "trained" / "model")
    made["adapted"] = finished(root / "trained", "adapted", {"corpora": trained}, made["adapted"].config)
    return made


def released(tmp_path: Path, teacher: str, **changes: Any) -> tuple[Path, dict[str, Any]]:
    out = tmp_path / "release"
    out.mkdir()
    facts = make_release(
        job(**changes), inputs_taught_by(tmp_path / "made", teacher), out, services=Services(teachers=TeacherTable())
    )
    return out, facts


def test_the_card_says_who_wrote_how_much_in_which_form(tmp_path: Path) -> None:
    out, facts = released(tmp_path, "Qwen/Qwen2.5-72B-Instruct")
    card = (out / "README.md").read_text(encoding="utf-8")
    for line in ("| faq | 1,200 | 345,678 | 40.0% |", "Qwen/Qwen2.5-72B-Instruct", "40.0% of the training tokens"):
        assert line in card
    assert card.count("Improved using Qwen") == 1 and "训练词元中有 40.0% 是合成文本" in card
    assert facts["teachers"][0]["license"] == "Qwen License"
    assert not [one for one in facts["unmet_duties"] if "teacher" in one["name"]]


def test_a_license_that_forbids_it_or_is_not_known_refuses_the_release(tmp_path: Path) -> None:
    real = {"toy": False, "base_name": "meta-llama/Meta-Llama-3-8B"}
    for number, (teacher, why) in enumerate((("gpt-4o", "compete with OpenAI"), ("a/b", "its license is not known"))):
        with pytest.raises(InputError, match=why):
            released(_below(tmp_path, number), teacher, **real)


def test_what_llama_3_answered_is_released_in_a_llama_alone(tmp_path: Path) -> None:
    other = {"toy": False, "base_family": None, "base_name": "Qwen/Qwen2.5-7B", "base_license": "apache-2.0"}
    with pytest.raises(InputError, match="no other large language model than Meta Llama 3"):
        released(_below(tmp_path, 0), "meta-llama/Meta-Llama-3-70B-Instruct", **other)
    _, facts = released(_below(tmp_path, 1), "meta-llama/Meta-Llama-3-70B-Instruct")
    assert facts["teachers"][0]["name_start"] == "Llama 3"


def test_the_duties_of_a_teacher_hold_under_the_name_that_is_published(tmp_path: Path) -> None:
    other = {"toy": False, "base_family": None, "base_name": "Qwen/Qwen2.5-7B", "base_license": "apache-2.0"}
    out, facts = released(tmp_path, "meta-llama/Llama-3.3-70B-Instruct", **other)
    config = job(**other)
    unmet = {
        name: {one.name for one in read_duties(out, config, name=name, teachers=facts["teachers"]) if not one.met}
        for name in ("zh-7b", "Llama-zh-7b")
    }
    assert "name by the teacher" in unmet["zh-7b"] and "name by the teacher" not in unmet["Llama-zh-7b"]
    assert "built with the teacher" not in unmet["zh-7b"]


def test_a_card_without_the_teachers_sentence_does_not_meet_its_duty() -> None:
    teacher = {"model": "m", "name_start": "", "built_with": "Improved using Qwen", "source": "s"}
    deep = "\n---\n" + "x" * 2000 + "Improved using Qwen"
    assert [one.met for one in teacher_duties([teacher], name="x", card=deep)] == [False]
    assert [one.met for one in teacher_duties([teacher], name="x", card="\n---\n**Improved using Qwen**")] == [True]


def _below(folder: Path, number: int) -> Path:
    inner = folder / str(number)
    inner.mkdir()
    return inner
