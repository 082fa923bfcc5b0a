"""`hanhua init`: a recipe that is valid, fits its hardware, and extends as far as its budget can teach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mini_run import DATA
from program import call

from hanhua.pipeline.planning.advice import GAIN, TEXT_MEGABYTES, advise_extension
from hanhua.pipeline.planning.estimate import estimate_recipe
from hanhua.pipeline.planning.init_recipe import Answers, draft_recipe
from hanhua.pipeline.recipe.load import load_recipe

BASE = "meta-llama/Meta-Llama-3-8B"


def drafted(folder: Path, **changes: object) -> Path:
    answers = Answers(**({"base": BASE, "devices": "1x80GB", "tokens": 1_000_000_000} | changes))  # type: ignore[arg-type]
    path = folder / "recipe.yaml"
    path.write_text(draft_recipe(answers).text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("base", "devices"),
    [
        (BASE, "1x80GB"), (BASE, "8x80GB"), (BASE, "24GB"), ("meta-llama/Llama-3.1-8B", "2x141GB"),
        ("meta-llama/Llama-3.2-1B", "24GB"),
        ("meta-llama/Meta-Llama-3-70B", "16x80GB"),
        ("meta-llama/Llama-3.1-405B", "64x80GB"),
    ],
)  # fmt: skip
def test_what_is_drafted_is_valid_and_fits(base: str, devices: str, tmp_path: Path) -> None:
    loaded = load_recipe(drafted(tmp_path, base=base, devices=devices))
    found = estimate_recipe(loaded.recipe)
    assert found.fits and found.tokens == 1_000_000_000
    assert loaded.recipe.base is not None and loaded.recipe.base.model == base
    assert loaded.recipe.release is not None


def test_more_text_never_advises_fewer_tokens() -> None:
    advised = [advise_extension(tokens * 1e6).new_tokens for tokens in (1, 10, 50, 100, 200, 400, 800, 2000, 10_000)]
    assert advised == sorted(advised) and advised[0] == 0 and advised[-1] == 32768


def test_every_size_is_advised_only_for_the_text_it_wants() -> None:
    for tokens in (20e6, 60e6, 150e6, 300e6, 900e6, 3e9):
        advice = advise_extension(tokens)
        if advice.new_tokens:
            assert advice.megabytes >= TEXT_MEGABYTES[advice.new_tokens]
            assert f"{advice.new_tokens:,} tokens" in advice.why[0] and advice.new_tokens in GAIN
        else:
            assert advice.why[0].startswith("Do not extend")


def test_a_small_model_gets_fewer_rows() -> None:
    assert advise_extension(5e9, parameters=1.2e9).new_tokens == 8192 < advise_extension(5e9, parameters=8e9).new_tokens


def test_a_small_budget_is_told_not_to_extend(tmp_path: Path) -> None:
    path = drafted(tmp_path, tokens=10_000_000)
    assert "Do not extend" in path.read_text(encoding="utf-8")
    assert load_recipe(path).recipe.vocab_extension is None


def test_own_corpora_get_replay_and_their_licenses(tmp_path: Path) -> None:
    path = drafted(tmp_path, corpora={"laws": str(DATA / "zh_*.jsonl")}, licenses={"laws": "CC-BY-4.0"})
    corpora = load_recipe(path).recipe.corpora
    assert corpora["laws"].license == "CC-BY-4.0" and corpora["laws"].weight == pytest.approx(0.8)
    assert corpora["en_replay"].language == "en" and corpora["en_replay"].weight == pytest.approx(0.2)


def test_texts_smaller_than_the_budget_are_said_in_passes_over_them(tmp_path: Path) -> None:
    texts = tmp_path / "zh.txt"
    texts.write_text("今天天气很好，我们去公园。\n" * 40_000, encoding="utf-8")  # 1.6 MB, half a million tokens
    said = {}
    for tokens in (400_000, 1_500_000, 1_000_000_000):
        answers = Answers(base=BASE, devices="1x80GB", corpora={"zh": str(texts)}, tokens=tokens)
        found = draft_recipe(answers)
        said[tokens] = "\n".join(found.why)
        assert found.advice.new_tokens == 0, "a text of this size teaches no new rows, however often it is read"
    assert "goes over them" not in said[400_000]
    assert "the budget goes over them 2.4 times." in said[1_500_000] and "teaches little" not in said[1_500_000]
    assert "about 503,145 tokens: the budget goes over them 1,590 times." in said[1_000_000_000]
    assert "a budget of 2,515,723 tokens" in said[1_000_000_000]
    text = call("plan", drafted(tmp_path, corpora={"zh": str(texts)}), "--runs", tmp_path).stdout
    assert "zh 1,590 times over" in text


def test_hours_and_dollars_buy_what_the_estimate_says(tmp_path: Path) -> None:
    for changes in ({"hours": 10.0}, {"dollars": 30.0, "price": 3.0}):
        found = estimate_recipe(load_recipe(drafted(tmp_path, tokens=None, **changes)).recipe)
        assert found.training is not None and found.training.hours == pytest.approx(10, rel=0.06)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--devices", "1x80GB"], "--budget-tokens is missing, and stdin is not a terminal"),
        (["--budget-hours", "1", "--budget-dollars", "1"], "give one of --budget-tokens"),
        (["--budget-hours", "1", "--devices", "1x81GB"], "no GPU of 81 GB is known"),
        (
            ["--budget-hours", "1", "--devices", "24GB", "--base", "meta-llama/Llama-3.1-405B"],
            "cannot be trained there",
        ),
        (["--budget-hours", "1", "--base", "somebody/model"], "its size is unknown"),
        (["--budget-tokens", "1000000000", "--corpus", "texts.jsonl"], "expected NAME=VALUE"),
        (["--budget-tokens", "1000000000", "--corpus", "zh=nowhere.jsonl"], "no such file"),
    ],
)
def test_what_cannot_be_drafted_is_said_and_nothing_written(arguments: list[str], says: str, tmp_path: Path) -> None:
    given = [*(["--devices", "1x80GB"] if "--devices" not in arguments else []), *arguments]
    given += ["--base", BASE] if "--base" not in arguments else []
    done = call("init", tmp_path / "mine.yaml", *given)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not (tmp_path / "mine.yaml").exists()


def test_from_flags_alone(tmp_path: Path) -> None:
    arguments = ["--base", BASE, "--devices", "8x80GB", "--budget-tokens", "4e9", "--json"]
    done = call("init", tmp_path / "mine.yaml", *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["new_tokens"] == 32768
    again = call("init", tmp_path / "mine.yaml", *arguments)
    assert again.returncode == 2 and "exists already" in again.stderr
