"""What a recipe is evaluated on is looked for in its training text: for every task, local or on the Hub."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hanhua.config_fields import key_config
from hanhua.eval.config import Benchmark
from hanhua.eval.tasks.definition import load_task, task_names
from hanhua.pipeline.recipe.completion import completed, questions_of
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes

RECIPE = """\
name: removed
base: {toy: {hidden_size: 64}}
corpora: {zh: {path: texts.jsonl}}
filtering: {heldout_ratio: 0.1}
continued_pretrain: {max_tokens: 50000, sequence_length: 64}
eval: {benchmarks: [%s]}
"""


def decontamination(folder: Path, benchmark: str) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    (folder / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE % benchmark, encoding="utf-8")
    recipe = completed(load_recipe(folder / "recipe.yaml").recipe)
    assert recipe.filtering is not None
    found = recipe.filtering.decontamination
    return found.benchmarks, [(one.repo, one.split) for one in found.hub_benchmarks]


@pytest.mark.parametrize("name", task_names())
def test_every_shipped_task_is_looked_for_on_the_hub_or_in_its_files(name: str, tmp_path: Path) -> None:
    task = load_task(name)
    local, hub = questions_of([Benchmark(task=name)])
    assert not local and (task.data.hub is None or any(one.repo == task.data.hub for one in hub))
    for rows in (task.data, task.examples):
        if rows is not None and rows.layouts:
            pattern = re.sub(r"[.][*]$", ".csv", rows.layouts[0].replace("**/", ""))
            pattern = re.sub(r"\{([^,}]*)[^}]*\}", r"\1", pattern)
            file = tmp_path / (pattern.replace("*", "x") + ("" if Path(pattern).suffix else "/x.csv"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("question,A,B,C,D,answer\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "not_asked.csv").write_text("question,A,B,C,D,answer\n")
    local, hub = questions_of([Benchmark(task=name, data=str(tmp_path))])
    if task.data.files is not None:
        assert local and not hub and not any("other" in path for path in local)


def test_a_task_reads_its_own_files_and_not_the_whole_folder(tmp_path: Path) -> None:
    for name in ("ceval/dev/law_dev.csv", "ceval/val/law_val.csv", "cmmlu/test/law.csv"):
        (tmp_path / "bench" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bench" / name).write_text("question,A,B,C,D,answer\n问题,1,2,3,4,A\n", encoding="utf-8")
    local, hub = decontamination(tmp_path, "{task: ceval_dev, data: bench/}")
    assert (local, hub) == ((str(tmp_path / "bench" / "ceval" / "dev"),), [])
    local, _ = decontamination(tmp_path, "{task: ceval, data: bench/}")
    assert local == (str(tmp_path / "bench" / "ceval" / "val"), str(tmp_path / "bench" / "ceval" / "dev"))


def test_a_task_of_the_hub_is_looked_for_at_its_commit(tmp_path: Path) -> None:
    local, hub = decontamination(tmp_path, "{task: cmmlu, revisions: {haonan-li/cmmlu: abc}}")
    assert not local and hub == [("haonan-li/cmmlu", "test"), ("haonan-li/cmmlu", "dev")]
    recipe = completed(load_recipe(shipped_recipes()["llama-3-8b-zh"]).recipe)
    assert recipe.eval is not None and recipe.filtering is not None
    asked = {load_task(one.task).data.hub for one in recipe.eval.benchmarks}
    assert asked and asked <= {one.repo for one in recipe.filtering.decontamination.hub_benchmarks}


def test_without_sets_of_the_hub_the_key_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "exam.jsonl").write_text(json.dumps({"question": "问题", "A": "1", "B": "2", "answer": "A"}) + "\n")
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(RECIPE % "{name: exam, path: exam.jsonl}", encoding="utf-8")
    recipe = completed(load_recipe(tmp_path / "recipe.yaml").recipe)
    assert recipe.filtering is not None
    found = recipe.filtering.decontamination
    assert found.benchmarks == (str(tmp_path / "exam.jsonl"),)
    assert set(key_config(found)) == {"benchmarks", "min_overlap", "min_characters"}


def test_no_synthetic_text_may_hold_what_evaluation_and_filtering_look_for(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (tmp_path / "exam.jsonl").write_text(json.dumps({"question": "问题", "answer": "A"}) + "\n")
    (tmp_path / "own.jsonl").write_text(json.dumps({"question": "别的问题", "answer": "B"}) + "\n")
    text = RECIPE % "{task: cmmlu, revisions: {haonan-li/cmmlu: abc}}, {name: exam, path: exam.jsonl}"
    text = text.replace("heldout_ratio: 0.1", "decontamination: {benchmarks: [own.jsonl, exam.jsonl]}")
    path = tmp_path / "recipe.yaml"
    path.write_text(text + "synthesis: {teacher: {model: m, license: MIT}}\n", encoding="utf-8")
    found = completed(load_recipe(path).recipe).synthesis
    assert found is not None
    assert found.benchmarks == (str(tmp_path / "exam.jsonl"), str(tmp_path / "own.jsonl")), "each once"
    asked = [(one.repo, one.split, one.revisions) for one in found.hub_benchmarks]
    assert asked == [("haonan-li/cmmlu", split, {"haonan-li/cmmlu": "abc"}) for split in ("test", "dev")]
    own = load_recipe(path, [f"synthesis.benchmarks=[{tmp_path / 'own.jsonl'}]"]).recipe
    kept = completed(own).synthesis
    assert kept is not None and len(kept.benchmarks) == 1 and not kept.hub_benchmarks, "what it says itself counts"
