"""Hub names are pinned to commits once, and stay so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import Repository, hub_server

from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.pins import hub_names, pin
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes
from hanhua.release.job import release_job, without_revision

COMMITS = {"dataset": "d" * 40, "model": "e" * 40}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe(shipped_recipes()["llama-3-8b-zh"]).recipe


def test_every_hub_name_of_a_recipe_is_pinned(recipe: Recipe) -> None:
    asked: list[str] = []

    def resolve(kind: str, repo: str, revision: str | None) -> str:
        asked.append(repo)
        return COMMITS[kind]

    pinned, pins = pin(recipe, {}, resolve=resolve)
    assert pinned.corpora["zh_web"].path == f"hf://datasets/HuggingFaceFW/fineweb-2@{'d' * 40}:cmn_Hani"
    assert pinned.base is not None and pinned.base.model == f"meta-llama/Meta-Llama-3-8B@{'e' * 40}"
    assert len(pins) == len(set(hub_names(recipe).values())) == len(asked) == len(set(asked)) == 11
    again, kept = pin(recipe, pins, resolve=None)
    assert again == pinned and kept == pins, "known commits need no Hub"
    assert pin(pinned, {}, resolve=None)[0] == pinned, "a commit stays what it is"


def test_the_instruct_model_of_a_restoration_is_pinned_too() -> None:
    recipe = load_recipe(shipped_recipes()["llama-3-8b-zh-chat"]).recipe
    pinned, pins = pin(recipe, {}, resolve=lambda kind, repo, revision: COMMITS[kind])
    assert pinned.chat_vector is not None
    assert pinned.chat_vector.instruct == f"meta-llama/Meta-Llama-3-8B-Instruct@{'e' * 40}"
    assert pin(recipe, pins, resolve=None)[0] == pinned


def test_what_nobody_knows_stays_unpinned_without_a_hub(recipe: Recipe) -> None:
    assert pin(recipe, {}, resolve=None) == (recipe, {})


def test_a_pinned_name_is_published_without_its_commit(recipe: Recipe) -> None:
    pinned, _ = pin(recipe, {}, resolve=lambda kind, repo, revision: COMMITS[kind])
    job = release_job(pinned)
    assert job.base_name == "meta-llama/Meta-Llama-3-8B" and job.base_family == "3"
    assert {corpus.source for corpus in job.corpora} == {c.path for c in recipe.corpora.values()}


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("hf://datasets/a/b@main:zh", "hf://datasets/a/b:zh"),
        ("a/b@0123", "a/b"),
        ("a/b", "a/b"),
        ("llama3", "llama3"),
    ],
)
def test_a_revision_can_be_taken_off(name: str, bare: str) -> None:
    assert without_revision(name) == bare


def test_the_hub_is_asked_over_http_and_its_refusal_explained(tmp_path: Path) -> None:
    code = (
        "import sys; from hanhua.cli.entry import run_command; from hanhua.pipeline.recipe.pins import ask_hub;"
        "sys.exit(run_command(lambda: print(ask_hub(sys.argv[1], sys.argv[2], None))))"
    )
    with hub_server(token="hf_x") as hub:
        repository = hub.repositories["tester/texts"] = Repository(private=False)
        commit = repository.commit({"a.jsonl": b"{}\n"})
        env = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
        env.pop("HF_HUB_OFFLINE", None)
        env.pop("HF_TOKEN", None)
        for kind in ("model", "dataset"):
            done = subprocess.run(
                [sys.executable, "-c", code, kind, "tester/texts"], capture_output=True, text=True, env=env
            )
            assert done.stdout.strip() == commit, done.stderr
        done = subprocess.run(
            [sys.executable, "-c", code, "model", "tester/none"], capture_output=True, text=True, env=env
        )
    assert done.returncode == 2 and "resolved no commit" in done.stderr and "hf auth login" in done.stderr


def test_the_data_sets_of_benchmarks_are_pinned_too(recipe: Recipe, tmp_path: Path) -> None:
    tasks = ["cmmlu", "mmlu", "mmlu_val", "agieval_zh", {"task": "ceval", "data": str(tmp_path)}]
    data = recipe.model_dump()
    data["eval"]["benchmarks"] = [{"task": task} if isinstance(task, str) else task for task in tasks]
    asked: list[str] = []

    def resolve(kind: str, repo: str, revision: str | None) -> str:
        asked.append(f"{kind}:{repo}")
        return COMMITS[kind]

    pinned, pins = pin(Recipe.model_validate(data), {}, resolve=resolve)
    assert pinned.eval is not None
    first, second, third, several, local = pinned.eval.benchmarks
    assert first.revisions == {"haonan-li/cmmlu": "d" * 40} and second.revisions == third.revisions
    assert len(several.revisions) > 1 and all(repo.startswith("hails/agieval-") for repo in several.revisions)
    assert local.revisions == {}, "what is read from files needs no commit"
    assert asked.count("dataset:cais/mmlu") == 1 and pins["dataset:haonan-li/cmmlu"] == "d" * 40
    assert pin(pinned, {}, resolve=None)[0] == pinned
