"""Every shipped task reads the layout its benchmark is published in (rows written for this test)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hanhua.eval.config import Benchmark
from hanhua.eval.material import read_questionnaire
from hanhua.eval.tasks.definition import load_task, task_names
from hanhua.eval.tasks.items import Item

LETTERS = ",Question,A,B,C,D,Answer\n0,天空是什么颜色？,蓝,红,绿,黑,A\n"
LOWER = "id,question,A,B,C,D,answer\n0,天空是什么颜色？,蓝,红,绿,黑,A\n"
PLAIN = "What color is grass?,blue,green,red,black,B\n"
STORY = {f"input_sentence_{n}": f"第{n}句。" for n in range(1, 5)}
BELEBELE = {"flores_passage": "短文。", "question": "问？", **{f"mc_answer{n}": f"答{n}" for n in range(1, 5)}}
SOLVED = {"question": "一加二？", "answer": "1+2=<<3>>3\n#### 3"}
GAOKAO = {"example": [{"question": "问？\nA. 一\nB. 二\n", "answer": a} for a in (["B"], ["A", "B"], ["AC"], ["E"])]}
SQUAD = {
    "data": [
        {
            "paragraphs": [
                {"context": "他生于北京。", "qas": [{"id": "1", "question": "生于？", "answers": [{"text": "北京"}]}]}
            ]
        }
    ]
}
CHID = {
    "content": ["他#idiom1#地走了，#idiom2#。"],
    "candidates": ["一二三四", "五六七八"],
    "answers": {"#idiom1#": 1, "#idiom2#": 0},
}
ARC = {"question": "Why?", "choices": {"text": ["a", "b"], "label": ["1", "2"]}, "answerKey": "2"}
HELLASWAG = {
    "activity_label": "Cooking",
    "ctx": "x",
    "ctx_a": "He cooks.",
    "ctx_b": "then he",
    "endings": ["eats.", "flies."],
    "label": "0",
}
AGIEVAL = {"query": "问题：…… 答案：", "choices": ["(A)一", "(B)二"], "gold": [1]}
SAFETY = [{"id": 7, "options": ["是。", "否。"], "category": "Ethics", "question": "对吗？"}]
OCNLI = [{"sentence1": "下雨了。", "sentence2": "地湿了。", "label": label} for label in ("-", "neutral", "entailment")]
XCOPA = {"premise": "下雨了。", "choice1": "地湿了。", "choice2": "地干了。", "question": "effect", "label": 0}

LAYOUTS: dict[str, dict[str, Any]] = {
    "ceval": {"ceval/val/law_val.csv": LOWER, "ceval/dev/law_dev.csv": LOWER.replace("天空", "海洋") * 1},
    "ceval_dev": {"ceval/dev/law_dev.csv": LOWER},
    "cmmlu": {"cmmlu/test/law.csv": LETTERS, "cmmlu/dev/law.csv": LETTERS.replace("天空", "海洋")},
    "aclue": {"aclue/test/poem.csv": LETTERS, "aclue/dev/poem.csv": LETTERS.replace("天空", "海洋")},
    "hkmmlu": {"hkmmlu/test/law.csv": LETTERS, "hkmmlu/dev/law.csv": LETTERS.replace("天空", "海洋")},
    "tmmluplus": {"tmmluplus/law_test.csv": LOWER, "tmmluplus/law_train.csv": LOWER.replace("天空", "海洋")},
    "tmlu": {
        f"tmlu/law_{split}.jsonl": [
            {"question": q, **dict(zip("ABCD", "甲乙丙丁", strict=True)), "E": None, "answer": "D"}
        ]
        for split, q in (("test", "天空？"), ("dev", "海洋？"))
    },
    "mmlu": {"mmlu/test/x_test.csv": PLAIN, "mmlu/dev/x_dev.csv": PLAIN.replace("grass", "leaves")},
    "mmlu_val": {"mmlu/val/x_val.csv": PLAIN, "mmlu/dev/x_dev.csv": PLAIN.replace("grass", "leaves")},
    "agieval_zh": {"agieval_zh/logiqa.jsonl": [AGIEVAL, {**AGIEVAL, "gold": [0, 1]}]},
    "gaokao": {"gaokao/Objective_Questions/Math.json": GAOKAO},
    "c3": {
        "c3/c3-d-dev.json": [
            [["男：走吗？", "女：走。"], [{"question": "走吗？", "choice": ["走", "不走"], "answer": "走"}], "1"]
        ]
    },
    "cmrc": {"cmrc/cmrc2018_dev.json": SQUAD},
    "chid": {"chid/dev.json": [CHID]},
    "ocnli": {"ocnli/dev.json": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in OCNLI)},
    "xcopa_zh": {"xcopa/zh/test.zh.jsonl": [XCOPA]},
    "xstorycloze_zh": {
        "xstorycloze/zh/eval.jsonl": [
            {**STORY, "sentence_quiz1": "坏。", "sentence_quiz2": "好。", "answer_right_ending": 2}
        ]
    },
    "belebele_zh": {"belebele/zho_Hans.jsonl": [{**BELEBELE, "correct_answer_num": "3"}]},
    "belebele_zh_hant": {"belebele/zho_Hant.jsonl": [{**BELEBELE, "correct_answer_num": "3"}]},
    "mgsm_zh": {"mgsm/mgsm_zh.tsv": '一个"袋子"有 3 颗\t3\n'},
    "mgsm_en": {"mgsm/mgsm_en.tsv": "How many?\t1,200\n"},
    "gsm8k": {"gsm8k/test.jsonl": [SOLVED]},
    "csimpleqa": {"csimpleqa/all.jsonl": [{"question": "首都？", "answer": "北京", "primary_category": "地理"}]},
    "hellaswag": {"hellaswag/hellaswag_val.jsonl": [HELLASWAG]},
    "arc_challenge": {"arc/ARC-Challenge-Test.jsonl": [ARC]},
    "arc_easy": {"arc/ARC-Easy-Test.jsonl": [ARC]},
    "safetybench_zh": {
        "safetybench/opensource_data/test_zh_subset.json": SAFETY,
        "safetybench/opensource_data/test_answers_zh_subset.json": {"7": {"category": "Ethics", "answer": 1}},
    },
}
EXPECTED: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "agieval_zh": ("问题：…… 答案：", 1, ("A", "B", "C", "D")),
    "gaokao": ("题目：问？\nA. 一\nB. 二\n答案：", 1, ("A", "B", "C", "D")),
    "c3": ("题目：男：走吗？\n女：走。\n走吗？\nA. 走\nB. 不走\n答案：", 0, ("A", "B")),
    "cmrc": ("短文：他生于北京。\n问题：生于？\n答案：", -1, ()),
    # The other blank is filled with its own idiom.
    "chid": ("他", 1, ("一二三四地走了，一二三四。", "五六七八地走了，一二三四。")),
    "ocnli": (
        "题目：句子一：下雨了。\n句子二：地湿了。\n根据句子一，句子二是：\n"
        "A. 一定成立\nB. 不一定成立\nC. 一定不成立\n答案：",
        1,
        ("A", "B", "C"),
    ),
    "xcopa_zh": ("下雨了，所以", 0, ("地湿了。", "地干了。")),
    "xstorycloze_zh": ("第1句。第2句。第3句。第4句。", 1, ("坏。", "好。")),
    "belebele_zh": ("题目：短文。\n问？\nA. 答1\nB. 答2\nC. 答3\nD. 答4\n答案：", 2, ("A", "B", "C", "D")),
    "mgsm_zh": ('问题：一个"袋子"有 3 颗\n逐步解答：', -1, ()),
    "gsm8k": ("Question: 一加二？\nAnswer:", -1, ()),
    "hellaswag": ("Cooking: He cooks. Then he", 0, ("eats.", "flies.")),
    "arc_easy": ("Question: Why?\nAnswer:", 1, ("a", "b")),
    "safetybench_zh": ("题目：对吗？\nA. 是。\nB. 否。\n答案：", 1, ("A", "B")),
    "tmlu": ("題目：天空？\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案：", 3, ("A", "B", "C", "D")),
    "mmlu": ("What color is grass?\nA. blue\nB. green\nC. red\nD. black\nAnswer:", 1, ("A", "B", "C", "D")),
}


def first_item(name: str, folder: Path) -> Item:
    for place, content in LAYOUTS[name].items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            text = content
        elif path.suffix == ".jsonl":
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        else:
            text = json.dumps(content, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")
    shots = 1 if load_task(name).examples is not None else 0
    return read_questionnaire(Benchmark(task=name, data=str(folder), shots=shots)).items[0]


@pytest.mark.parametrize("name", sorted(set(task_names()) - {"choice4_zh", "choice4_zh_hant", "choice4_en"}))
def test_reads_its_layout(name: str, tmp_path: Path) -> None:
    item = first_item(name, tmp_path)
    if name in EXPECTED:
        assert (item.context, item.answer, item.options) == EXPECTED[name]
    if not item.options:
        assert item.answers[0]
    if load_task(name).language.startswith("zh"):
        assert ":" not in item.context.splitlines()[-1], "an ASCII colon before Chinese merges with what follows"


def test_several_right_answers_are_left_out_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first_item("gaokao", tmp_path)
    assert "gaokao: 3 rows left out" in capsys.readouterr().err


def test_a_changed_wording_changes_the_hash() -> None:
    task = load_task("cmmlu")
    assert task.prompt_sha256 == load_task("aclue").prompt_sha256 != load_task("mmlu").prompt_sha256
    worded = task.model_copy(update={"prompt": task.wording.model_copy(update={"heading": "选一个。\n"})})
    assert worded.prompt_sha256 != task.prompt_sha256
