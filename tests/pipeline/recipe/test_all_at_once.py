"""Recipes with several mistakes of every kind: each is told at once, at its line, and nothing else is."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from small_llama import write_small_base
from small_model import write_small_model
from test_recipe_mistakes import RECIPE, mistakes_of

from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.readiness import READINESS

EDITS = {
    "syntax": [
        ("name: Llama-3-test", "name：Llama-3-test", 1, "full-width colon"),
        ("  sequence_length: 64", "  sequence_length： 64", 15, "full-width colon"),
        ("{path: texts.jsonl, language: en}", "{path: texts.jsonl，language: en}", 5, "full-width comma"),
        ("  max_tokens: 50000", "  max_tokens:50000", 14, "no space behind the colon"),
        ("  new_tokens: 512", "\tnew_tokens: 512", 10, "a tab or wide space"),
        ("  new_tokens: 512", "\u3000new_tokens: 512", 10, "a tab or wide space"),
        ("  lora: {rank: 8}", "  lora: {rank: 8", 17, "not YAML"),
        ("release: {license_policy: commercial}", "release: {license_policy: commercial", 24, "not YAML"),
    ],
    "keys": [
        ("vocab_extension:", "vocab_extention:", 9, "did you mean vocab_extension?"),
        ("  max_tokens: 50000", "  max_token: 50000", 14, "did you mean max_tokens?"),
        ("license: CC-BY-4.0", "licence: CC-BY-4.0", 4, "did you mean license?"),
        ("  sequence_length: 64", "  cutoff_len: 64", 15, "here it is sequence_length"),
        ("lora: {rank: 8}", "lora: {lora_r: 8}", 16, "here it is rank"),
        ("min_characters: 8", "min_chars: 8", 8, "did you mean min_characters?"),
        ("devices: 1x80GB", "num_gpus: 1x80GB", 24, "here it is devices"),
    ],
    "values": [
        ("hidden_size: 64", "hidden_size: sixty-four", 2, "expected a whole number"),
        ("language: en}", "language: english}", 5, "did you mean en?"),
        ("heldout_ratio: 0.1", "heldout_ratio: 10%", 7, "expected a number"),
        ("merge_scope: runs", "merge_scope: word", 11, "did you mean words?"),
        ("lora: {rank: 8}", "lora: [rank, 8]", 16, "expected keys with values"),
        ("license_policy: commercial", "license_policy: comercial", 23, "did you mean commercial?"),
        ("context_tokens: 256", "context_tokens: yes", 18, "greater than or equal to 2"),
    ],
    "consistency": [
        ("max_tokens: 50000", "max_tokens: 500", 13, "less than one step of 1,024 tokens"),
        ("{name: exam, path: texts.jsonl}", "{task: cevel}", 20, "did you mean ceval"),
        ("{name: exam, path: texts.jsonl}", "{path: texts.jsonl, shots: 5}", 20, "needs fewshot_path"),
        ("devices: 1x80GB", "devices: 8x81GB", 24, "no GPU of 81 GB is known"),
        ("devices: 1x80GB", "devices: Ascend910B", 24, "not supported"),
        ("base: {toy: {hidden_size: 64}}", "base: {model: llama-3-8b}", 2, "no such folder here, and no Hub id"),
        ("{license_policy: commercial}", "{kind: adapter, max_shard_gigabytes: 0}", 23, "greater than"),
        ("gates: {min_gain: 0.1}", "gates: {max_not_chinese_rate: 0.1}", 17, "there is no behavior to measure it by"),
    ],
    "files": [
        ("zh: {path: texts.jsonl", "zh: {path: text.jsonl", 4, "no such file"),
        ("en: {path: texts.jsonl", "en: {path: no/such/*.parquet", 5, ".zip file here"),
        ("{prompts: texts.jsonl}", "{prompts: prompts.jsonl}", 21, "no such file or folder"),
        ("{name: exam, path: texts.jsonl}", "{name: exam, path: exams}", 20, "no such file or folder"),
        ("{name: exam, path: texts.jsonl}", "{task: my/task.yaml}", 20, "no such file or folder"),
    ],
}  # fmt: skip
Edit = tuple[str, str, int, str]


def drawn(seed: int) -> list[Edit]:
    """Return two to five edits of different kinds, no two of one line."""
    rng = random.Random(seed)
    kinds = rng.sample(sorted(EDITS), k=rng.randint(2, 5))
    edits: list[Edit] = []
    for kind in kinds:
        taken = {line_of(edit) for edit in edits}
        free = [edit for edit in EDITS[kind] if line_of(edit) not in taken]
        # An eval whose benchmark is refused has no gates to check: two mistakes of one section may hide one another.
        edits.append(rng.choice(free))
    return edits


def line_of(edit: Edit) -> int:
    return RECIPE[: RECIPE.index(edit[0])].count("\n") + 1


@pytest.mark.parametrize("seed", range(40))
def test_every_mistake_of_a_recipe_is_told_in_one_go(seed: int, tmp_path: Path) -> None:
    edits, text = drawn(seed), RECIPE
    for right, wrong, _, _ in edits:
        assert text.count(right) >= 1
        text = text.replace(right, wrong, 1)
    found = mistakes_of(tmp_path, text)
    for _, wrong, line, advice in edits:
        assert any(one.startswith(f"{line}:") and advice in one for one in found), (wrong, advice, found)
    assert len(found) == len(edits), (edits, found)


def test_all_kinds_are_drawn_and_forty_recipes_differ() -> None:
    recipes = {tuple(drawn(seed)) for seed in range(40)}
    assert len(recipes) == 40 and {len(edits) for edits in recipes} == {2, 3, 4, 5}


def test_a_misspelled_section_is_looked_into(tmp_path: Path) -> None:
    text = RECIPE.replace("vocab_extension:", "vocab_extention:").replace("merge_scope: runs", "merge_scop: rums")
    found = mistakes_of(tmp_path, text)
    assert [one.split(":")[0] for one in found] == ["9", "11", "11"], found
    assert "did you mean merge_scope?" in found[1] and "did you mean runs?" in found[2]


def test_a_refused_secret_is_never_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_HF_TOKEN", "hf_sesame0123456789abcdef")
    monkeypatch.setenv("DEEP_API_KEY", "sesame")
    monkeypatch.setenv("DB_PASSWORD", "sesame")
    for field in (
        "base: {model: '${env:MY_HF_TOKEN}'}", "base: {tokenizer: '${env:DEEP_API_KEY}'}", "name: '${env:DB_PASSWORD}'",
        "hardware: {devices: '${env:MY_HF_TOKEN}'}", "hardware: {cores: '${env:MY_HF_TOKEN}'}",
    ):  # fmt: skip
        key = field.partition(":")[0]
        lines = [line for line in RECIPE.splitlines() if not line.startswith(f"{key}:")]
        found = mistakes_of(tmp_path, "\n".join([field, *lines]) + "\n")
        assert "sesame" not in "".join(found) and any("looks like a secret" in one for one in found), found
        assert len([one for one in found if one.startswith("1:")]) == 1, found
    pasted = RECIPE.replace("license: CC-BY-4.0", "weight: hf_sesame0123456789abcdef")
    assert "sesame" not in "".join(mistakes_of(tmp_path, pasted))


WRITTEN = RECIPE.replace("language: en}", "language: en, weight: 2}")


@pytest.mark.parametrize(
    ("edits", "at", "value"),
    [
        ([("max_tokens: 50000", "max_tokens: 1e5")], ("continued_pretrain", "max_tokens"), 100_000),
        ([("max_tokens: 50000", "max_tokens: 2.5e5")], ("continued_pretrain", "max_tokens"), 250_000),
        ([("new_tokens: 512", "new_tokens: 1e3")], ("vocab_extension", "new_tokens"), 1000),
        ([("resize: {method: mean}", "resize: null")], ("resize", "method"), "mean+calibrated"),
        ([("hardware: {devices: 1x80GB}", "hardware: null")], ("hardware", "cores"), 16),
        ([("  gates: {min_gain: 0.1}", "  gates: null")], ("eval", "gates", "min_gain"), None),
        ([("  benchmarks:\n    - {name: exam, path: texts.jsonl}", "  benchmarks: null")], ("eval", "benchmarks"), ()),
        ([("license: CC-BY-4.0", "license: null")], ("corpora", "zh", "license"), ""),
        ([("weight: 2", "weight: null")], ("corpora", "en", "weight"), 1.0),
        ([("  language_modeling: {context_tokens: 256}", "  language_modeling: null"), ("min_gain: 0.1", "")],
         ("eval", "language_modeling"), None),
    ],
)  # fmt: skip
def test_numbers_and_nulls_mean_what_people_mean(
    edits: list[tuple[str, str]], at: tuple[str, ...], value: object, tmp_path: Path
) -> None:
    text = WRITTEN
    for right, wrong in edits:
        assert right in text
        text = text.replace(right, wrong, 1)
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    found: object = load_recipe(tmp_path / "recipe.yaml").recipe
    for step in at:
        found = found[step] if isinstance(found, dict) else getattr(found, step)
    assert found == value


def test_merge_keys_and_home_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (tmp_path / "parent.yaml").write_text(
        "name: merged\nx-common: &common {path: ~/texts.jsonl, license: CC0-1.0}\n"
        "corpora:\n  zh: {<<: *common, language: zh}\n  en:\n    <<: [*common]\n    language: en\n    license: MIT\n",
        encoding="utf-8",
    )
    (tmp_path / "child.yaml").write_text("extends: ~/parent.yaml\nfiltering: {}\n", encoding="utf-8")
    corpora = load_recipe(tmp_path / "child.yaml").recipe.corpora
    assert {name: (one.path, one.license) for name, one in corpora.items()} == {
        "zh": (str(tmp_path / "texts.jsonl"), "CC0-1.0"),
        "en": (str(tmp_path / "texts.jsonl"), "MIT"),
    }
    (tmp_path / "wrong.yaml").write_text("name: x\ncorpora:\n  <<: texts.jsonl\n", encoding="utf-8")
    assert any("<< merges mappings" in one for one in mistakes_of(tmp_path, (tmp_path / "wrong.yaml").read_text()))


def told(folder: Path, text: str) -> list[str]:
    (folder / "ready.yaml").write_text(text, encoding="utf-8")
    from hanhua.errors import RecipeError

    with pytest.raises(RecipeError) as caught:
        load_recipe(folder / "ready.yaml", checks=READINESS)
    return [one.removeprefix(f"{folder / 'ready.yaml'}:") for one in caught.value.mistakes]


def test_what_a_run_would_find_out_later_is_found(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (tmp_path / "fields.jsonl").write_text('{"content": "你好"}\n', encoding="utf-8")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no table at all PAR1")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text('{"model_type": "llama", "vocab_size": 10}')
    text = RECIPE.replace("base: {toy: {hidden_size: 64}}", "base: {model: meta-llama/Meta-Llama-3-70B}")
    text = text.replace("1x80GB", "1xRTX4090").replace("zh: {path: texts", "zh: {path: fields")
    found = told(tmp_path, text.replace("en: {path: texts.jsonl", "en: {path: broken.parquet"))
    assert [one.split(":")[0] for one in found] == ["4", "5", "24"], found
    assert "no text in 'text'; fields: content" in found[0] and "not a readable Parquet" in found[1]
    assert "training needs" in found[2] and "what would fit" in found[2]
    found = told(tmp_path, RECIPE.replace("base: {toy: {hidden_size: 64}}", "base: {model: ./base}"))
    assert len(found) == 1 and found[0].startswith("2:8:") and "no tokenizer.json" in found[0]


def test_a_padded_base_is_refused_where_it_would_be_extended(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (tmp_path / "tokenizer").mkdir()
    write_small_model(tmp_path / "base", write_small_base(tmp_path / "tokenizer"))
    settings = json.loads((tmp_path / "base" / "config.json").read_text())
    text = RECIPE.replace("base: {toy: {hidden_size: 64}}", "base: {model: ./base}")
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.yaml", checks=READINESS).recipe.base is not None
    (tmp_path / "base" / "config.json").write_text(json.dumps({**settings, "vocab_size": settings["vocab_size"] + 64}))
    (one,) = told(tmp_path, text)
    assert one.startswith("2:8:") and "its rows are padded" in one
