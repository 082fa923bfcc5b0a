"""Paired comparisons over questions, subjects and models, and the verdict in words."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hanhua.eval.comparison.intervals import bootstrap_macro
from hanhua.eval.comparison.pairs import Outcomes, compare_models
from hanhua.eval.comparison.verdict import give_verdict
from hanhua.eval.language.bits_per_byte import DocumentLikelihood

TOKENIZERS = {"base": "base", "resized": "extended", "adapted": "extended"}


def answers(rights: dict[str, list[bool]]) -> list[dict[str, Any]]:
    return [
        {"id": f"{s}{n}", "subject": s, "correct": right} for s, own in rights.items() for n, right in enumerate(own)
    ]


def texts(nats: float, *, corpus: str = "zh") -> list[DocumentLikelihood]:
    draw = random.Random(corpus)
    return [DocumentLikelihood(f"{corpus}{n}", "", 100, 300, 50, nats + draw.random()) for n in range(30)]


def compared(outcomes: Outcomes, models: list[str] | None = None) -> list[dict[str, Any]]:
    return compare_models(models or list(TOKENIZERS), TOKENIZERS, outcomes, seed=0)


def test_micro_macro_and_subjects() -> None:
    # One large subject gains 20 of 100, one small one loses 5 of 10: micro and macro differ in sign.
    before = answers({"large": [True] * 40 + [False] * 60, "small": [True] * 5 + [False] * 5})
    after = answers({"large": [True] * 60 + [False] * 40, "small": [False] * 10})
    (pair,) = compared(Outcomes(rows={"base": {"quiz": before}, "adapted": {"quiz": after}}), ["base", "adapted"])
    found = pair["benchmarks"]["quiz"]
    assert found["difference"] == pytest.approx(15 / 110)
    assert found["macro"]["difference"] == pytest.approx((0.2 - 0.5) / 2)
    assert found["verdict"] == "better"
    assert {s: one["difference"] for s, one in found["by_subject"].items()} == pytest.approx(
        {"large": 0.2, "small": -0.5}
    )
    for one in found["by_subject"].values():
        assert one["p_value"] <= one["p_holm"] <= 1.0
    low, high = found["macro"]["interval"]
    assert low < found["macro"]["difference"] < high < found["difference"]


def test_of_many_subjects_some_differ_by_chance() -> None:
    draw = random.Random(1)
    rows = [answers({f"s{s:02}": [draw.random() < 0.5 for _ in range(20)] for s in range(60)}) for _ in range(2)]
    (pair,) = compared(Outcomes(rows={"base": {"q": rows[0]}, "adapted": {"q": rows[1]}}), ["base", "adapted"])
    subjects = pair["benchmarks"]["q"]["by_subject"].values()
    assert any(one["p_value"] < 0.1 for one in subjects)
    assert all(one["p_holm"] > 0.05 for one in subjects)


def test_a_macro_interval_holds_the_planted_mean() -> None:
    draw, held = random.Random(2), 0
    for trial in range(100):
        groups = [[float(draw.random() < p) for _ in range(40)] for p in (0.2, 0.5, 0.8)]
        low, high = bootstrap_macro(groups, seed=trial)
        held += low <= 0.5 <= high
    assert 88 <= held <= 100


def verdict_of(nats: dict[str, float], *, gates: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    documents = {model: {"zh": texts(value), "en": texts(50.0, corpus="en")} for model, value in nats.items()}
    scores = {
        "line": list(nats),
        "benchmarks": {},
        "comparisons": compare_models(list(nats), TOKENIZERS, Outcomes(documents=documents), seed=0),
        "gates": gates or [],
    }
    return give_verdict(scores, judged=list(nats)[-1], chinese=["zh"], english=["en"])


@pytest.mark.parametrize(
    ("nats", "chinese"),
    [
        ({"base": 80.0, "resized": 90.0, "adapted": 60.0}, "better"),
        # Nothing was learned: extension alone lowered the bits, as it does for a model that guesses.
        ({"base": 80.0, "resized": 60.0, "adapted": 60.0}, "no difference"),
        # Learned, but not yet back to where the base was.
        ({"base": 50.0, "resized": 90.0, "adapted": 60.0}, "better and worse"),
        ({"base": 50.0, "resized": 60.0, "adapted": 60.0}, "worse"),
        ({"base": 60.0, "adapted": 60.0}, "no difference"),
        # Fewer bits by another tokenizer alone: extension does that by itself.
        ({"base": 80.0, "adapted": 60.0}, "undecided"),
        ({"base": 60.0, "adapted": 80.0}, "worse"),
        ({"base": 60.0}, "not measured"),
    ],
)
def test_better_means_better_than_every_earlier_model(nats: dict[str, float], chinese: str) -> None:
    found = verdict_of(nats)
    assert found["chinese"] == chinese
    assert found["english"] == ("not measured" if len(nats) == 1 else "no difference")
    said = "nothing to compare it with" if len(nats) == 1 else chinese
    assert any(said in sentence for sentence in found["text"])
    assert "training seeds" in found["note"]


def test_unmet_gates_are_named() -> None:
    gates = [{"name": "min_gain", "met": False}, {"name": "max_harmful_rate", "met": True}]
    assert verdict_of({"base": 60.0}, gates=gates)["text"][-1] == "Gates not met: min_gain."


def test_one_document_alone_is_no_evidence() -> None:
    documents = {
        model: {"zh": texts(nats)[:1], "en": texts(50.0, corpus="en")}
        for model, nats in (("base", 80.0), ("adapted", 60.0))
    }
    scores = {
        "line": ["base", "adapted"],
        "benchmarks": {},
        "comparisons": compare_models(["base", "adapted"], TOKENIZERS, Outcomes(documents=documents), seed=0),
        "gates": [],
    }
    found = give_verdict(scores, judged="adapted", chinese=["zh"], english=["en"])
    assert (found["chinese"], found["english"]) == ("too few documents", "no difference")


def test_one_document_of_the_web_decides_nothing_over_a_corpus_with_enough() -> None:
    documents = {
        model: {
            "zh": texts(nats),
            "zh_web": texts(nats + 5, corpus="zh_web")[:1],
            "en": texts(80.0, corpus="en"),
        }
        for model, nats in (("base", 80.0), ("resized", 90.0), ("adapted", 60.0))
    }
    scores = {
        "line": list(documents),
        "benchmarks": {},
        "comparisons": compare_models(list(documents), TOKENIZERS, Outcomes(documents=documents), seed=0),
        "gates": [],
    }
    found = give_verdict(scores, judged="adapted", chinese=["zh", "zh_web"], english=["en"])
    assert found["chinese"] == "better"
    assert "Too few documents to count: zh_web." in found["text"]
