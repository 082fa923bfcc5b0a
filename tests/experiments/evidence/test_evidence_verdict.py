"""What made-up results come to: margins, placebos that void, arms that broke off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_comparison import tiny_recipe, write_recipe

from hanhua.artifacts.files import write_json
from hanhua.cli.evidence import load_evidence
from hanhua.errors import InvariantError
from hanhua.experiments.evidence.arm_run import RESULT
from hanhua.experiments.evidence.jobs import Job, jobs_of
from hanhua.experiments.evidence.page import render_page
from hanhua.experiments.evidence.recipe import EvidenceRecipe
from hanhua.experiments.evidence.verdict import judge, read_results

Results = dict[Job, dict[str, Any]]


@pytest.fixture
def recipe(tmp_path: Path) -> EvidenceRecipe:
    data = tiny_recipe()
    data["seeds"] = [0, 1, 2]
    return load_evidence(write_recipe(tmp_path, data))


def made_up(recipe: EvidenceRecipe, factors: dict[str, float], *, noise: float = 0.0004) -> Results:
    """Return results in which the arm of a label takes so many times the bits of the reference."""
    chance = np.random.default_rng(0)
    documents = {name: chance.uniform(400, 900, size=12) for name in recipe.texts}
    found: Results = {}
    for job in jobs_of(recipe):
        scale = factors.get(job.label, 1.0) * (1 + noise * chance.normal())

        def rows(by: float) -> dict[str, Any]:
            return {
                name: [{"id": f"{name}#{n}", "bytes": 300, "bits": by * bits} for n, bits in enumerate(some.tolist())]
                for name, some in documents.items()
            }

        curve = [
            {
                "bytes": 1000 * n,
                "flops": 10.0 * n,
                "bits_per_byte": dict.fromkeys(documents, 3 - n * (2 - factors.get(job.label, 1.0))),
            }
            for n in range(3)
        ]
        found[job] = {
            "preregistration": "hash",
            "job": vars(job),
            "documents": rows(1.0 if job.kind == "no_rate" else scale),
            "cuts": [{"inside": True, "bits_lost": 4.0}, {"inside": False, "bits_lost": 0.0}],
            "generated": [{"loops": True, "valid": True, "stopped": False}],
            "curve": curve,
            "training": {"bytes": 1000, "flops": 20.0, "steps": 3},
        }
        if job.kind == "no_rate":
            found[job]["before"] = rows(1.0)
    return found


def difference(verdict: dict[str, Any], arm: str, language: str = "zh") -> dict[str, Any]:
    shown: dict[str, Any] = verdict["arms"][arm]["languages"][language]
    return shown


@pytest.mark.parametrize(
    ("factor", "said", "english"),
    [(0.95, "not worse", "not worse"), (1.05, "worse", "worse"), (1.0, "undecided", "not worse")],
    ids=["better", "worse", "equal"],
)
def test_an_interval_is_held_against_its_margin(factor: float, said: str, english: str, recipe: EvidenceRecipe) -> None:
    verdict = judge(recipe, made_up(recipe, {"extended": factor}), registered="hash")
    assert not verdict["void"]
    found = difference(verdict, "extended")
    assert found["verdict"] == said and difference(verdict, "extended", "en")["verdict"] == english
    assert found["difference"]["share"] == pytest.approx(factor - 1, abs=0.004)
    low, high = found["difference"]["interval"]
    assert low <= found["difference"]["share"] <= high
    own = difference(verdict, "unextended")
    assert own["difference"] == {"share": 0.0, "interval": [0.0, 0.0], "bits_per_byte": 0.0}
    assert found["crossing"]["bytes"] == (0.0 if factor <= 1 else None)
    cut = verdict["arms"]["extended"]["truncated_prompts"]
    assert (cut["inside"], cut["bits_lost"], cut["bits_lost_inside"]) == (0.5, 2.0, 4.0)


def test_an_arm_that_begins_behind_where_the_reference_ends_crosses_nowhere(recipe: EvidenceRecipe) -> None:
    """Distillation before training may take more operations than all of the reference's training."""
    results = made_up(recipe, {"extended": 0.95})
    for job, found in results.items():
        if job.label == "extended":
            for point in found["curve"]:
                point["flops"] += 50.0
    crossed = difference(judge(recipe, results, registered="hash"), "extended")["crossing"]
    assert crossed == {"bytes": 0.0, "flops": None}


def test_a_twin_that_differs_voids_everything(recipe: EvidenceRecipe) -> None:
    verdict = judge(recipe, made_up(recipe, {"placebo-twin": 1.05}), registered="hash")
    assert verdict["void"] and not verdict["placebos"]["twin"]["no_difference"]
    assert verdict["placebos"]["no rate"]["no_difference"]


def test_a_model_that_moves_without_a_rate_voids_everything(recipe: EvidenceRecipe) -> None:
    results = made_up(recipe, {})
    for job, found in results.items():
        if job.kind == "no_rate" and job.seed == 2:
            found["documents"]["en"][0]["bits"] *= 1.0001
    verdict = judge(recipe, results, registered="hash")
    assert verdict["void"] and not verdict["placebos"]["no rate"]["no_difference"]
    assert verdict["placebos"]["twin"]["no_difference"]


@pytest.mark.parametrize("broken", ["extended", "placebo-twin", "unextended"])
def test_what_broke_off_is_not_compared(broken: str, recipe: EvidenceRecipe) -> None:
    results = made_up(recipe, {})
    job = next(job for job in results if job.label == broken and job.seed == 1)
    results[job] = {"preregistration": "hash", "job": vars(job), "broke_off": "the loss is no longer finite"}
    verdict = judge(recipe, results, registered="hash")
    assert verdict["failed"] == [broken] and broken not in verdict["arms"]
    assert verdict["void"] == (broken != "extended")
    if broken == "placebo-twin":
        page = render_page(recipe, verdict, results, {})
        assert "Broke off" in page and "Void" in page


def test_the_page_shows_what_the_verdict_says_and_escapes_it(recipe: EvidenceRecipe) -> None:
    odd = recipe.model_copy(update={"hypothesis": "<b>neither & nor</b>"})
    results = made_up(recipe, {"extended": 1.05})
    verdict = judge(odd, results, registered="hash")
    times = {job.name: {"training_seconds": 7.0, "curve": [0.0, 1.0, 2.0]} for job in results}
    page = render_page(odd, verdict, results, times)
    share = difference(verdict, "extended")["difference"]["share"]
    assert f"{share:+.2%}" in page and "&lt;b&gt;neither &amp; nor" in page
    assert page.count("<svg") == 2 * 3 and "Void" not in page
    assert page == render_page(odd, verdict, results, times)


def test_results_of_another_preregistration_are_refused(recipe: EvidenceRecipe, tmp_path: Path) -> None:
    job = jobs_of(recipe)[0]
    (tmp_path / "arms" / job.name).mkdir(parents=True)
    write_json(tmp_path / "arms" / job.name / RESULT, {"preregistration": "other"})
    with pytest.raises(InvariantError, match="another preregistration"):
        read_results(recipe, tmp_path, registered="hash")
