from __future__ import annotations

from pathlib import Path

import pytest
from repository import skip_without_base

from hanhua.errors import RecipeError
from hanhua.pipeline.recipe.load import find_recipe, load_recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes
from hanhua.pipeline.recipe.source_positions import read_tree

GOOD = """\
name: Llama-3-test
base: {toy: {hidden_size: 64}}
corpora:
  zh: {path: texts.jsonl, language: zh}
continued_pretrain:
  max_tokens: 50000
  sequence_length: 64
  gradient_accumulation_steps: 2
  lora: {rank: 8}
"""


def write(folder: Path, text: str, name: str = "recipe.yaml") -> Path:
    (folder / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    return [line.removeprefix(f"{path}:") for line in caught.value.mistakes]


def test_a_good_recipe_knows_where_each_value_came_from(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    loaded = load_recipe(path, ["continued_pretrain.lora.rank=16"])
    assert loaded.recipe.corpora["zh"].path == str(tmp_path / "texts.jsonl")
    assert loaded.recipe.continued_pretrain is not None
    assert loaded.recipe.continued_pretrain.lora is not None
    assert loaded.recipe.continued_pretrain.lora.rank == 16
    origins = loaded.origins()
    assert origins["continued_pretrain.max_tokens"] == f"{path}:6:3"
    assert origins["continued_pretrain.lora.rank"] == "-s continued_pretrain.lora.rank=16"


def test_six_mistakes_are_six_lines_with_line_and_column(tmp_path: Path) -> None:
    text = """\
name: Llama-3-test
base: {toy: {hidden_size: big}}
corpora:
  zh: {path: texts.jsonl, language: chinese}
continued_pretrain:
  max_tokens: 50000
  lora: {rank: 8, alhpa: 16}
  schedule: cosin
vocab_extention: {new_tokens: 512}
"""
    found = mistakes(write(tmp_path, text))
    assert len(found) == 6
    expected = [
        ("5:1:", "continued_pretrain", "less than one step"),
        ("2:14:", "hidden_size", "whole number"),
        ("4:27:", "language", "'chinese' is not one of"),
        ("7:19:", "alhpa", "did you mean alpha?"),
        ("8:3:", "schedule", "did you mean cosine?"),
        ("9:1:", "vocab_extention", "did you mean vocab_extension?"),
    ]
    for place, key, advice in expected:
        assert any(line.startswith(place) and key in line and advice in line for line in found), (place, found)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("name: [unclosed", "1:", "not YAML"),
        ("- a\n- list\n", "1:1:", "a recipe is a mapping"),
        ("name: a\tb: c: d\n", "1:", "not YAML"),
        (GOOD + "name: again\n", "10:1:", "given twice (first at"),
        (GOOD.replace("Llama-3-test", "a/b"), "1:1:", "names the run's folder"),
        (GOOD.replace("name: Llama-3-test\n", ""), "1:1:", "name: missing"),
        (GOOD.replace("zh: {", "Zh-1: {"), "3:1:", "lower-case letters"),
        (GOOD.replace("texts.jsonl", "text.jsonl"), "4:8:", "no such file"),
        (GOOD.replace("path: texts.jsonl", "path: '${env:HANHUA_NOWHERE}'"), "4:8:", "HANHUA_NOWHERE is not set"),
        (GOOD.replace("path: texts.jsonl", "path: '${HOME}'"), "4:8:", "the only substitution"),
        (GOOD + "  weights: {zhs: 1}\n", "10:13:", "no corpus 'zhs' (did you mean zh?)"),
        (GOOD.replace("max_tokens: 50000", "max_tokens: -1"), "6:3:", "greater than or equal to 1"),
        (GOOD.replace("max_tokens: 50000", "max_tokens: .nan"), "6:3:", "max_tokens"),
        (GOOD + "extends: nothing_like_it\n", "10:1:", "no such recipe"),
        (GOOD + "extends: [a]\n", "10:1:", "one file"),
        (GOOD + "extends: recipe.yaml\n", "10:1:", "circle"),
        (GOOD + "1: 2\n", "10:1:", "unknown key"),
        (GOOD + "? [a, b]\n: c\n", "10:", "plain word"),
        (GOOD + "release: {}\neval: null\ncontinued_pretrain_: {}\n", "12:1:", "did you mean continued_pretrain"),
        (GOOD.replace("{toy: {hidden_size: 64}}", "{}"), "2:1:", "either `model`"),
        ("corpora: {zh: 3}\nname: x\nbase: {model: a/b}\n", "1:11:", "corpora.zh"),
        ("name: x\nbase: {model: a/b}\ncorpora: {}\n", "3:1:", "at least one corpus"),
        ("", "1:1:", "a recipe is a mapping"),
    ],
)
def test_each_mistake_has_its_place_and_advice(tmp_path: Path, text: str, place: str, message: str) -> None:
    found = mistakes(write(tmp_path, text))
    assert any(line.startswith(place) and message in line for line in found), found


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("continued_pretrain.max_token=5", "did you mean max_tokens"),
        ("no_equals_sign", "expected key.subkey=value"),
        ("name.deeper=1", "name: expected text"),
        ("corpora.zh.path=nowhere.jsonl", "no such file"),
    ],
)
def test_mistakes_in_overrides_name_the_option(tmp_path: Path, override: str, message: str) -> None:
    found = mistakes(write(tmp_path, GOOD), override)
    assert len(found) == 1
    assert found[0].startswith(f"-s {override}")
    assert message in found[0]


def test_a_child_keeps_its_parents_values_and_paths(tmp_path: Path) -> None:
    (tmp_path / "parent").mkdir()
    parent = write(tmp_path / "parent", GOOD)
    child = tmp_path / "child.yaml"
    child.write_text(
        "extends: parent/recipe.yaml\nname: child\ncontinued_pretrain: {seed: 7}\ncorpora: {zh: {weight: 2}}\n",
        encoding="utf-8",
    )
    loaded = load_recipe(child)
    assert loaded.recipe.name == "child"
    assert loaded.recipe.continued_pretrain is not None
    assert (loaded.recipe.continued_pretrain.seed, loaded.recipe.continued_pretrain.max_tokens) == (7, 50000)
    assert loaded.recipe.corpora["zh"].path == str(tmp_path / "parent" / "texts.jsonl")
    assert loaded.origins()["continued_pretrain.max_tokens"] == f"{parent}:6:3"


def test_relative_paths_of_options_start_at_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, GOOD)
    (tmp_path / "here").mkdir()
    write(tmp_path / "here", "")
    monkeypatch.chdir(tmp_path / "here")
    assert load_recipe(path, ["corpora.zh.path=texts.jsonl"]).recipe.corpora["zh"].path == str(
        tmp_path / "here" / "texts.jsonl"
    )


def test_environment_fills_paths_and_secrets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, GOOD.replace("path: texts.jsonl", "path: '${env:TEXTS_DIR}/texts.jsonl'"))
    monkeypatch.setenv("TEXTS_DIR", str(tmp_path))
    assert load_recipe(path).recipe.corpora["zh"].path == str(tmp_path / "texts.jsonl")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    secret = write(tmp_path, GOOD.replace("Llama-3-test", "'${env:HF_TOKEN}'"), "secret.yaml")
    assert all("hf_secret" not in line for line in mistakes(secret)[:1])


def test_a_corpus_can_be_taken_away(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("  zh:", "  en: {path: texts.jsonl, language: en}\n  zh:"))
    assert list(load_recipe(path, ["corpora.en=null"]).recipe.corpora) == ["zh"]


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_are_valid_and_introduce_themselves(name: str) -> None:
    path = find_recipe(name)
    skip_without_base(path)
    assert load_recipe(path).recipe.name
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_a_near_miss_of_a_shipped_name_is_suggested() -> None:
    with pytest.raises(Exception, match="did you mean quickstart"):
        find_recipe("quikstart")


def test_places_are_one_based_and_nested(tmp_path: Path) -> None:
    tree = read_tree(write(tmp_path, "a:\n  b: [1, {c: 2}]\n"))
    assert str(tree.place(("a", "b", "1", "c"))).endswith(":2:11")
    assert tree.data == {"a": {"b": [1, {"c": 2}]}}
