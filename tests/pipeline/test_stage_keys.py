"""What redoes a stage and what does not: settings of how it is run are no part of what it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hanhua.artifacts.fingerprint import difference, fingerprint
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.manifest import Artifact
from hanhua.continued_pretrain.config import REPLAY_RULE, STEP, ContinuedPretrainConfig, execution_settings
from hanhua.pipeline.jobs import StageJob, identify, jobs
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes
from hanhua.pipeline.stages import stages

SECTION = "continued_pretrain"


def job_of(stage: str, changes: list[str]) -> StageJob:
    recipe = load_recipe(shipped_recipes()["toy"], changes).recipe
    return next(job for job in jobs(recipe) if job.stage == stage)


def material(stage: str, *changes: str) -> dict[str, Any]:
    made = {one.name: Artifact(Path(), one.makes, f"hash of {one.name}", (), {}, {}) for one in stages()}
    return dict(identify(job_of(stage, list(changes)), made, FileHashes.forgetful()).material)


def test_another_rule_of_replay_redoes_only_what_follows_it() -> None:
    plain = ContinuedPretrainConfig.model_validate({"retention": {}})
    following = ContinuedPretrainConfig.model_validate({"retention": {"replay": {"corpora": ["en"]}}})
    assert "replay_rule" not in {**ContinuedPretrainConfig().key_config(), **plain.key_config()}
    assert following.key_config()["replay_rule"] == REPLAY_RULE


@pytest.mark.parametrize(
    "change",
    [
        "processes=2", "parallel=fsdp2", "threads=1", "workers=3", "gradient_checkpointing=true", "compile=true",
        "save_steps=7", "save_total_limit=5", "keep_every_steps=100",
    ],
)  # fmt: skip
def test_how_training_is_run_does_not_redo_it(change: str) -> None:
    before, after = material(SECTION), material(SECTION, f"{SECTION}.{change}")
    assert fingerprint(before) == fingerprint(after)
    name = change.partition("=")[0]
    assert name in execution_settings() and name not in before["config"]
    config = job_of(SECTION, [f"{SECTION}.{change}"]).config
    assert getattr(config, name) != getattr(job_of(SECTION, []).config, name), "the stage itself is still told"


def test_every_other_setting_is_part_of_the_key() -> None:
    known = set(ContinuedPretrainConfig.model_fields)
    assert known > execution_settings() | STEP
    # Settings that came later are part of it where they are not the default.
    later = {"synthetic", "old_segmentation", "row_distillation", "self_distillation"}
    wanted = known - execution_settings() - STEP - later | {"process_step_sequences"}
    assert material(SECTION)["config"].keys() == wanted
    assert "synthetic" in material(SECTION, f"{SECTION}.synthetic.allow_only_synthetic=true")["config"]


def test_of_a_step_only_the_size_counts() -> None:
    def key(micro: int, turns: int) -> str:
        sizes = (f"{SECTION}.micro_batch_size={micro}", f"{SECTION}.gradient_accumulation_steps={turns}")
        return fingerprint(material(SECTION, *sizes))

    assert key(2, 4) == key(8, 1) != key(2, 2)


def test_what_changes_the_result_is_named() -> None:
    lines = difference(material(SECTION), material(SECTION, f"{SECTION}.learning_rate=0.5"))
    assert len(lines) == 1 and lines[0].startswith("config.learning_rate: ")


def test_a_toy_is_the_same_with_other_threads() -> None:
    assert material("base") == material("base", "base.toy.threads=1")
    assert material("base") != material("base", "base.toy.seed=1")
