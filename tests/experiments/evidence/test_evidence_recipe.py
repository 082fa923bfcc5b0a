"""What a recipe of a comparison refuses, and that what it claims cannot change under way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT
from small_llama import QUICKSTART
from tiny_comparison import tiny_recipe, write_recipe

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.cli.evidence import load_evidence
from hanhua.config_fields import set_at
from hanhua.documents import read_corpus
from hanhua.errors import HanhuaError, InputError, RecipeError, UsageError
from hanhua.experiments.evidence.jobs import jobs_of
from hanhua.experiments.evidence.preparation import prepare
from hanhua.experiments.evidence.preregistration import FILE, register
from hanhua.experiments.evidence.recipe import ScratchSettings
from hanhua.experiments.evidence.scratch_base import write_scratch_base
from hanhua.experiments.evidence.texts import draw_texts


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (("reference",), "nobody", "none of the arms"),
        (("reference",), "extended", "extends the vocabulary"),
        (("arms", "extended"), {"continued_pretrain": {"max_tokens": 5}}, "the comparison decides it"),
        (("arms", "extended"), {"continued_pretrain": {"learning_rat": 5}}, "learning_rat"),
        (("arms", "extended"), {"resize": {"method": "magic"}}, "resize|method"),
        (("continued_pretrain", "self_distillation"), {"steps": 5}, "arms.unextended has no new tokens"),
        (("continued_pretrain", "row_distillation"), {"steps": 5}, "arms.unextended has no new tokens"),
        (("arms", "a/b"), {}, "a/b"),
        (("arms", "placebo-twin"), {}, "placebo-twin"),
        (("seeds",), [1, 1], "different numbers"),
        (("seeds",), [1], "two seeds or more"),
        (("base",), {}, "scratch"),
        (("texts", "zh", "train_bytes"), 0, None),
        (("texts", "zh", "language"), "fr", "language"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_mistakes_are_told_before_anything_runs(
    at: tuple[str, ...], value: Any, said: str | None, tmp_path: Path
) -> None:
    data = tiny_recipe()
    set_at(data, at, value)
    path = write_recipe(tmp_path, data)
    if said is None:
        load_evidence(path)
        return
    with pytest.raises(RecipeError, match=said):
        load_evidence(path)


def test_every_arm_is_run_with_every_seed_and_twins_have_seeds_of_their_own(tmp_path: Path) -> None:
    jobs = jobs_of(load_evidence(write_recipe(tmp_path)))
    assert len({job.name for job in jobs}) == len(jobs) == 8
    seeds = {kind: [job.training_seed for job in jobs if job.kind == kind] for kind in ("arm", "twin", "no_rate")}
    assert seeds == {"arm": [0, 0, 1, 1], "twin": [1000, 1001], "no_rate": [0, 1]}


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("margins",), {"zh": 0.1}),
        (("hypothesis",), "something else"),
        (("seeds",), [0, 2]),
        (("continued_pretrain", "learning_rate"), 0.5),
        (("arms", "more"), {}),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_a_recipe_that_changed_after_the_start_is_refused(at: tuple[str, ...], value: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    registered = register(load_evidence(write_recipe(tmp_path)), out)
    written = (out / FILE).read_bytes()
    data = tiny_recipe()
    set_at(data, at, value)
    with pytest.raises(UsageError, match=f"{at[0]}.*\n(?s:.)*cannot change|cannot change(?s:.)*{at[0]}"):
        register(load_evidence(write_recipe(tmp_path, data)), out)
    assert register(load_evidence(write_recipe(tmp_path)), out) == registered
    assert (out / FILE).read_bytes() == written


def test_how_it_is_run_may_change_and_a_text_may_not(tmp_path: Path) -> None:
    data = tiny_recipe()
    text = tmp_path / "zh.jsonl"
    text.write_bytes(Path(data["texts"]["zh"]["path"]).read_bytes())
    data["texts"]["zh"]["path"] = "zh.jsonl"
    registered = register(load_evidence(write_recipe(tmp_path, data)), tmp_path / "out")
    data["continued_pretrain"]["threads"] = 2
    assert register(load_evidence(write_recipe(tmp_path, data)), tmp_path / "out") == registered
    text.write_bytes(text.read_bytes() + b'{"text": "one more"}\n')
    with pytest.raises(UsageError, match=r"texts\.zh\.path"):
        register(load_evidence(write_recipe(tmp_path, data)), tmp_path / "out")


def test_an_edited_preregistration_is_refused_with_its_hash_and_without(tmp_path: Path) -> None:
    recipe = load_evidence(write_recipe(tmp_path))
    register(recipe, tmp_path)
    path = tmp_path / FILE
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["margins"]["zh"] = 0.2
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(UsageError, match="edited since"):
        register(recipe, tmp_path)
    del stored["hash"]
    path.write_text(json.dumps({**stored, "hash": fingerprint(stored)}), encoding="utf-8")
    with pytest.raises(UsageError, match=r"margins\.zh"):
        register(recipe, tmp_path)


def test_texts_are_drawn_apart_and_to_the_byte_budget(tmp_path: Path) -> None:
    recipe = load_evidence(write_recipe(tmp_path))
    base, corpus = draw_texts(recipe, tmp_path)
    assert base is not None
    first = [(d.corpus, d.id, d.text) for d in read_corpus(base.path)]
    train = [(d.corpus, d.id, d.text) for d in read_corpus(corpus.path, split="train")]
    heldout = [(d.corpus, d.id, d.text) for d in read_corpus(corpus.path, split="heldout")]
    whole = [{id_.rpartition(".")[0] for _, id_, _ in part} for part in (first + train, heldout)]
    assert not whole[0] & whole[1]
    assert not {id_ for _, id_, _ in first} & {id_ for _, id_, _ in train}
    for documents, key in ((first, "base_bytes"), (train, "train_bytes")):
        for name, text in recipe.texts.items():
            size = sum(len(t.encode()) for corpus_, _, t in documents if corpus_ == name)
            wanted = getattr(text, key)
            assert wanted <= size < wanted + 4 * 2 * recipe.piece_characters if wanted else size == 0
    assert [name for name, *_ in heldout].count("zh") == 4
    assert draw_texts(recipe, tmp_path)[1].content_hash == corpus.content_hash


def test_the_comparison_that_comes_along_can_be_run(tmp_path: Path) -> None:
    recipe = load_evidence(QUICKSTART / "evidence.yaml")
    assert not recipe.arms[recipe.reference].extend and len(recipe.seeds) == 3 and recipe.placebos
    assert draw_texts(recipe, tmp_path)[0] is not None
    assert len({json.dumps(recipe.training_of(arm, 0).key_config(), sort_keys=True) for arm in recipe.arms}) == 4


@pytest.mark.parametrize("path", sorted(ROOT.glob("benchmarks/evidence_*.yaml")), ids=lambda path: path.stem)
def test_the_comparisons_of_our_results_are_valid(path: Path) -> None:
    recipe = load_evidence(path)
    assert not recipe.arms[recipe.reference].extend
    different = {json.dumps(recipe.training_of(arm, 0).key_config(), sort_keys=True) for arm in recipe.arms}
    assert len(different) >= len(recipe.arms) - 1  # with new tokens and without, the default trains alike


def test_a_model_given_as_a_folder_is_the_base_as_it_comes(tmp_path: Path) -> None:
    data, model = tiny_recipe(), tmp_path / "model"
    texts = [
        document.text for document in read_corpus(draw_texts(load_evidence(write_recipe(tmp_path)), tmp_path)[1].path)
    ]
    write_scratch_base(ScratchSettings.model_validate(data["base"]["scratch"]), texts, model)
    data["base"] = {"model": "model"}
    recipe = load_evidence(write_recipe(tmp_path, data))
    register(recipe, tmp_path / "out")
    assert prepare(recipe, tmp_path / "out").base.path == model
    stored = json.loads((tmp_path / "out" / FILE).read_text(encoding="utf-8"))["base"]
    assert stored["training"] is None and [name.split()[0] for name in stored["model"]][:2] == [
        "config.json",
        "tokenizer.json",
    ]


def test_too_little_text_is_said(tmp_path: Path) -> None:
    data = tiny_recipe()
    data["texts"]["zh"]["train_bytes"] = 10_000_000
    with pytest.raises(InputError, match="are left to train on"):
        draw_texts(load_evidence(write_recipe(tmp_path, data)), tmp_path)
    assert issubclass(InputError, HanhuaError)
