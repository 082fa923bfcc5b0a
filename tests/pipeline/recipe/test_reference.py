"""The configuration reference and the JSON schema say what the schema says."""

from __future__ import annotations

import re

import pytest
from repository import ROOT

from hanhua.config_fields import leaves
from hanhua.pipeline.planning.doctor import EXTRAS
from hanhua.pipeline.recipe.json_schema import recipe_json_schema
from hanhua.pipeline.recipe.reference import chinese, english, reference_markdown, sections
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes
from hanhua.pipeline.recipe.source_positions import read_tree


def documented() -> set[str]:
    keys, section = set(), ""
    for line in reference_markdown().split("\n"):
        if line.startswith("## "):
            section = "" if "," in line else line[3:] + "."
        elif found := re.match(r"\| `(\w+)` \|", line):
            keys.add(section + found[1])
    return keys


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_key_of_the_shipped_recipes_is_documented(name: str) -> None:
    known = documented()
    for at, _ in leaves(read_tree(shipped_recipes()[name]).data):
        steps = list(at)
        if steps[0] == "extends":
            continue
        if steps[0] == "corpora" and len(steps) > 1:
            steps[1] = "*"
        steps = ["*" if step.isdigit() else step for step in steps]
        while steps and ".".join(steps) not in known:
            steps.pop()  # a name of the user's own, such as max_characters.zh_web
        assert len(steps) >= min(len(at) - 1, 1), f"{'.'.join(at)} is not documented"


def test_every_key_says_what_it_means() -> None:
    rows = [line for line in reference_markdown().split("\n") if line.startswith("| `")]
    empty = [row for row in rows if row.rstrip().endswith("|  |")]
    assert all("| section" in row for row in empty), "a section says it under its own heading"
    assert reference_markdown("zh").startswith("# 配置参考") and len(rows) > 100


def test_every_key_has_its_chinese_and_nothing_more() -> None:
    words = chinese()
    models = {model.__name__: model for _, model in sections(Recipe, ())}
    assert set(words) == set(models), "pipeline/recipe/configuration.zh-CN.yaml: one entry for each class"
    for name, model in models.items():
        wanted = {key for key, meaning in english(model).items() if meaning}
        assert set(words[name]) == wanted, f"{name} in pipeline/recipe/configuration.zh-CN.yaml"
        for key, meaning in words[name].items():
            assert re.search("[\u4e00-\u9fff]", meaning), f"{name}.{key}"


def test_the_chinese_page_is_chinese() -> None:
    page = reference_markdown("zh")
    assert "| `rank` | 整数 ≥ 1 | 64 | 适配器的秩；继续预训练用 64 到 128 |" in page
    rows = [line for line in page.split("\n") if line.startswith("| `")]
    assert len(rows) == len([line for line in reference_markdown().split("\n") if line.startswith("| `")])
    assert not [row for row in rows if re.search("section|whole number|as below|list of", row)]


def test_the_json_schema_takes_the_shipped_recipes() -> None:
    import jsonschema

    schema = recipe_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    for name, path in shipped_recipes().items():
        assert not [str(error.message) for error in checker.iter_errors(read_tree(path).data)], name
    assert list(checker.iter_errors({"extends": "quickstart", "continued_pretrain": {"lora": {"alhpa": 1}}}))
    assert list(checker.iter_errors({"name": "x"})), "a recipe without parent or corpora is not whole"


def test_doctor_names_every_optional_part() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = project.split("[project.optional-dependencies]")[1].split("\n[")[0]
    extras = set(re.findall(r"^([\w-]+) = \[", section, re.MULTILINE))
    assert set(EXTRAS) == extras - {"dev", "all"}
