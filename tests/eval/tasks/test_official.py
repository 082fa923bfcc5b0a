"""`NAME@official` asks word for word as a benchmark's authors do, and its scores say so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from repository import ROOT

from hanhua.errors import UsageError
from hanhua.eval.benchmark_scores import describe_benchmark
from hanhua.eval.config import Benchmark
from hanhua.eval.material import Questionnaire, read_questionnaire
from hanhua.eval.tasks.definition import load_task
from hanhua.eval.tasks.harness import make_tasks, quiet_lm_eval
from hanhua.zh_text.scripts import is_han

CMMLU = ",Question,A,B,C,D,Answer\n0,{}下列哪项正确？,甲,乙,丙,丁,B\n"
CEVAL = "id,question,A,B,C,D,answer\n0,{}下列哪项正确？,甲,乙,丙,丁,B\n"
OPTIONS = "A. 甲\nB. 乙\nC. 丙\nD. 丁\n"
CMMLU_PROMPT = (
    "以下是关于古汉语的单项选择题，请直接给出正确答案的选项。\n\n"
    f"题目：一、下列哪项正确？\n{OPTIONS}答案是：B\n\n题目：二、下列哪项正确？\n{OPTIONS}答案是："
)
CEVAL_PROMPT = (
    "以下是中国关于计算机网络考试的单项选择题，请选出其中的正确答案。\n\n"
    f"一、下列哪项正确？\n{OPTIONS}答案：B\n\n二、下列哪项正确？\n{OPTIONS}答案："
)


def read(task: str, data: Path) -> Questionnaire:
    files = {
        "cmmlu/dev/ancient_chinese.csv": CMMLU.format("一、"),
        "cmmlu/test/ancient_chinese.csv": CMMLU.format("二、"),
        "ceval/dev/computer_network_dev.csv": CEVAL.format("一、"),
        "ceval/val/computer_network_val.csv": CEVAL.format("二、"),
    }
    for name, text in files.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text, encoding="utf-8")
    return read_questionnaire(Benchmark(task=task, data=str(data), shots=1))


@pytest.mark.parametrize(("task", "prompt"), [("cmmlu", CMMLU_PROMPT), ("ceval", CEVAL_PROMPT)])
def test_it_asks_as_the_authors_do(task: str, prompt: str, tmp_path: Path) -> None:
    found = read(f"{task}@official", tmp_path)
    (made,) = make_tasks(found.task, found.items, found.shots).values()
    with quiet_lm_eval():
        made.build_all_requests(rank=0, world_size=1)
    assert [instance.args for instance in made.instances] == [(prompt, letter) for letter in "ABCD"]
    about = describe_benchmark(found)
    assert about["variant"] == "official" and "own" in about["comparable_with"]
    assert about["example"].startswith(prompt[:20])
    ours = describe_benchmark(read(task, tmp_path))
    assert ours["questions_sha256"] != about["questions_sha256"] or ours["prompt_sha256"] != about["prompt_sha256"]
    assert ours["comparable_with"] is None


@pytest.mark.parametrize("name", ["cmmlu", "ceval"])
def test_every_published_subject_has_a_chinese_name(name: str) -> None:
    task = load_task(f"{name}@official")
    names = yaml.safe_load((ROOT / "eval/tasks/subjects" / f"{task.subject_names}.yaml").read_text(encoding="utf-8"))
    assert task.published is not None and len(names) == task.published.subjects
    for subject, chinese in names.items():
        assert is_han(chinese[-1]) or chinese.endswith("）"), chinese
        assert f"关于{chinese}" in task.heading(subject)


def test_a_benchmark_whose_authors_ask_no_other_way_says_which_do() -> None:
    with pytest.raises(UsageError, match=r"hellaswag@official.*known are ceval@official, cmmlu@official"):
        load_task("hellaswag@official")
    with pytest.raises(UsageError, match="did you mean cmmlu"):
        load_task("cmlu@official")
