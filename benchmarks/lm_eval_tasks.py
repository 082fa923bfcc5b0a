"""Twelve of lm_eval's own tasks through our engine and through its Hugging Face backend: same prompts, same numbers.

    python benchmarks/lm_eval_tasks.py --data bench

`bench` holds cmmlu, ceval, mmlu, xcopa, mgsm and gsm8k as published; the questions of the other six are made of those,
in the columns that lm_eval reads. Compared are choices, log-likelihoods, written answers and lm_eval's own metrics;
counted are the tokens the network processes, padding included, and the seconds.

The model is random, in float32, with the real 128K tokenizer; `initializer_range` 0.2 makes its answers differ. Ends
with 1 when a choice or a text differs or a log-likelihood is off by more than 1e-4.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from eval_engine import counted, make_model
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from measurement import add_json_option, markdown_head, markdown_row, write_measurement

from hanhua.eval.engine.loaded_model import LoadedModel
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.tasks.harness import quiet_lm_eval
from hanhua.eval.tasks.lm_eval_answers import answer_harness
from hanhua.eval.tasks.lm_eval_tasks import Harness, load_harness

TOLERANCE = 1e-4
TASKS: dict[str, int | None] = {
    "cmmlu": 5, "ceval-valid": 5, "aclue": 5, "xcopa_zh": None, "belebele_zho_Hans": None, "mgsm_direct_zh": None,
    "agieval_gaokao_chinese": None, "mmlu": 5, "gsm8k": None, "arc_challenge": None, "hellaswag": None, "tmmluplus": 5,
}  # fmt: skip
"""Examples before each question; None: as the task says."""
SINGLE = 20
"""Questions of a task that is no group of subjects; of each subject of a group there are `--each`."""
ACLUE = (
    "ancient_chinese_culture",
    "ancient_literature",
    "ancient_medical",
    "ancient_phonetics",
    "basic_ancient_chinese",
    "couplet_prediction",
    "homographic_character_resolution",
    "named_entity_recognition",
    "poetry_appreciate",
    "poetry_context_prediction",
    "poetry_quality_assessment",
    "poetry_sentiment_analysis",
    "polysemy_resolution",
    "reading_comprehension",
    "sentence_segmentation",
)

Row = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with cmmlu/, ceval/, mmlu/, xcopa/, mgsm/, gsm8k/"
    )
    parser.add_argument("--subjects", type=int, default=6, help="subjects of each group, the first by name")
    parser.add_argument("--each", type=int, default=6, help="questions of each subject")
    parser.add_argument("--written", type=int, default=8, help="questions of each task whose answers are written")
    parser.add_argument("--threads", type=int, default=2)
    add_json_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        write_data(options.data, Path(folder) / "hub", each=options.each, written=options.written)
        model = make_model(Path(folder) / "model", hidden=64)
        reports = [
            compare(model, part_of(load_harness(name, data=Path(folder) / "hub", shots=shots), options.subjects))
            for name, shots in TASKS.items()
        ]
    show(reports)
    write_measurement(__file__, options, reports)
    return 0 if all(report["met"] for report in reports) else 1


def part_of(harness: Harness, subjects: int) -> Harness:
    """Return the first subjects of a group; theirs takes half a second for each question."""
    tasks = dict(sorted(harness.tasks.items())[:subjects])
    return harness if len(harness.tasks) == 1 else replace(harness, loaded={"tasks": tasks, "groups": {}})


def compare(model: LoadedModel, harness: Harness) -> Row:
    """Run one task both ways."""
    spent: dict[str, list[Any]] = {"ours": [0, 0.0], "theirs": [0, 0.0]}
    with counted(model, spent["ours"]):
        ours = answer_harness(runner_of(model, batch_size=16), harness)
    harness.begin()
    lm = HFLM(pretrained=model.network, tokenizer=model.tokenizer, batch_size=4)
    with counted(model, spent["theirs"]), quiet_lm_eval():
        theirs = evaluate(lm, task_dict=dict(harness.loaded), bootstrap_iters=0, log_samples=True)
    found = {
        f"{task}#{sample['doc_id']}": sample
        for task in harness.tasks
        for sample in theirs["samples"][task]
        if sample["filter"] == theirs["samples"][task][0]["filter"]
    }
    assert found.keys() == {row["id"] for row in ours["rows"]}
    pairs = [(row, found[row["id"]]) for row in ours["rows"]]
    assert all(row["prompt"] == sample["arguments"][0][0] for row, sample in pairs)
    same = sum(_same_answer(row, sample) for row, sample in pairs)
    worst = max((_difference(row, sample) for row, sample in pairs), default=0.0)
    metrics = ours["metrics"]
    equal = all(abs(value - theirs["results"][task][key]) < 1e-9 for task in harness.tasks
                for key, value in metrics.get(task, {}).items())  # fmt: skip
    report = {
        "task": harness.name,
        "tasks": len(harness.tasks),
        "shots": harness.shots,
        "questions": len(pairs),
        "same_answers": same,
        "largest_difference": worst,
        "same_metrics": equal,
        "tokens": [spent[who][0] for who in ("ours", "theirs")],
        "seconds": [round(spent[who][1], 2) for who in ("ours", "theirs")],
        "tokens_ratio": round(spent["ours"][0] / spent["theirs"][0], 3),
        "times_faster": round(spent["theirs"][1] / spent["ours"][1], 1),
        "met": same == len(pairs) and worst <= TOLERANCE and equal,
    }
    print(json.dumps(report), flush=True)
    return report


def _same_answer(row: Row, sample: Row) -> bool:
    if "text" in row:
        return bool(row["text"] == sample["resps"][0][0])
    sums = [float(log_p) for log_p, _ in sample["filtered_resps"]]
    return bool(row["choice"] == sums.index(max(sums)) and row["correct"] == (sample[row["metric"]] == 1.0))


def _difference(row: Row, sample: Row) -> float:
    if "text" in row:
        return 0.0
    pairs = zip(row["log_likelihoods"], sample["filtered_resps"], strict=True)
    return float(max(abs(one - float(log_p)) for one, (log_p, _) in pairs))


def show(reports: list[Row]) -> None:
    """Print the reports as a Markdown table."""
    print(
        markdown_head("task", "questions", "same answers", "largest difference", "tokens", "of theirs", "times faster")
    )
    for one in reports:
        cells = (one["task"], one["questions"], one["same_answers"], f"{one['largest_difference']:.1e}",
                 f"{one['tokens'][0]:,}", one["tokens_ratio"], one["times_faster"])  # fmt: skip
        print(markdown_row(*map(str, cells)))


def write_data(bench: Path, hub: Path, *, each: int, written: int) -> None:
    """Write the data sets of the twelve tasks, by the names and columns lm_eval reads."""
    cmmlu = {path.stem: _csv(path) for path in sorted((bench / "cmmlu" / "dev").glob("*.csv"))}
    questions = [row for rows in cmmlu.values() for row in rows]
    for subject, rows in cmmlu.items():
        test = bench / "cmmlu" / "test" / f"{subject}.csv"
        asked = _csv(test) if test.is_file() else rows
        write(hub, f"haonan-li/cmmlu/{subject}", dev=rows, test=asked[:each])
    for path in sorted((bench / "ceval" / "dev").glob("*.csv")):
        rows = _csv(path)
        write(hub, f"ceval/ceval-exam/{path.stem.removesuffix('_dev')}", dev=rows, val=rows[:each])
    for path in sorted((bench / "mmlu" / "dev").glob("*.csv")):
        subject = path.stem.removesuffix("_dev")
        asked = _mmlu(bench / "mmlu" / "val" / f"{subject}_val.csv")
        write(hub, f"cais/mmlu/{subject}", dev=_mmlu(path), test=asked[:each])
    for subject in ACLUE:
        write(hub, f"tyouisen/aclue/{subject}", dev=questions[:5], test=questions[5 : 5 + each])
    _write_tmmluplus(hub, questions, each)
    _write_single(bench, hub, questions, written)


def _write_tmmluplus(hub: Path, questions: list[Row], each: int) -> None:
    import lm_eval

    below = Path(lm_eval.__file__).parent / "tasks" / "tmmluplus" / "default"
    lower = [{**row, "question": row["Question"], "answer": row["Answer"]} for row in questions]
    for path in below.glob("tmmluplus_*.yaml"):
        subject = path.stem.removeprefix("tmmluplus_")
        write(hub, f"ikala/tmmluplus/{subject}", train=lower[:5], validation=lower[:5], test=lower[5 : 5 + each])
    # One subject names its files one by one.
    for split, rows in (("train", lower[:5]), ("test", lower[5 : 5 + each])):
        place = hub / "ikala" / "tmmluplus" / "data" / f"linear_algebra_{split}.csv"
        place.parent.mkdir(exist_ok=True)
        with place.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, ["question", "A", "B", "C", "D", "answer"], extrasaction="ignore")
            table.writeheader()
            table.writerows(rows)


def _write_single(bench: Path, hub: Path, questions: list[Row], written: int) -> None:
    xcopa = _jsonl(bench / "xcopa" / "zh" / "test.zh.jsonl")
    write(hub, "cambridgeltl/xcopa/zh", validation=xcopa[-5:], test=xcopa[:SINGLE])
    some = questions[:SINGLE]
    letters = "ABCD"
    belebele = [
        {"flores_passage": xcopa[n]["premise"], "question": row["Question"], "correct_answer_num":
         str(letters.index(row["Answer"]) + 1), **{f"mc_answer{i}": row[c] for i, c in enumerate(letters, 1)}}
        for n, row in enumerate(some)
    ]  # fmt: skip
    write(hub, "facebook/belebele/zho_Hans", test=belebele)
    agieval = [
        {"query": f"问题：{row['Question']} 选项：{_options(row)}\n答案：从A到D, 我们应选择",
         "choices": [f"({c}){row[c]}" for c in letters], "gold": [letters.index(row["Answer"])]}
        for row in some
    ]  # fmt: skip
    write(hub, "hails/agieval-gaokao-chinese", test=agieval)
    english = [row for path in sorted((bench / "mmlu" / "val").glob("*.csv"))[:3] for row in _mmlu(path)][:SINGLE]
    arc = [{"question": row["question"], "choices": {"text": row["choices"], "label": list(letters)},
            "answerKey": letters[row["answer"]]} for row in english]  # fmt: skip
    write(hub, "allenai/ai2_arc/ARC-Challenge", train=arc[:2], validation=arc[:2], test=arc)
    hellaswag = [{"activity_label": "Reading", "ctx_a": row["question"], "ctx_b": "the answer", "ctx": "",
                  "endings": row["choices"], "label": str(row["answer"])} for row in english]  # fmt: skip
    write(hub, "Rowan/hellaswag", train=hellaswag[:2], validation=hellaswag)
    with (bench / "mgsm" / "mgsm_zh.tsv").open(encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    mgsm = [{"question": q, "answer": None, "answer_number": int(a.replace(",", ""))} for q, a in lines[:written]]
    write(hub, "juletxara/mgsm/zh", train=mgsm[:2], test=mgsm)
    gsm8k = _jsonl(bench / "gsm8k" / "test.jsonl")
    write(hub, "openai/gsm8k/main", train=gsm8k[-20:], test=gsm8k[:written])


def _options(row: Row) -> str:
    return " ".join(f"({letter}){row[letter]}" for letter in "ABCD")


def write(hub: Path, name: str, **splits: list[Row]) -> None:
    """Write a data set's splits as JSON Lines."""
    (hub / name).mkdir(parents=True)
    for split, rows in splits.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (hub / name / f"{split}.jsonl").write_text(text, encoding="utf-8")


def _csv(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def _mmlu(path: Path) -> list[Row]:
    def rows() -> Iterator[Row]:
        with path.open(encoding="utf-8", newline="") as file:
            for question, *choices, answer in csv.reader(file):
                yield {"question": question, "choices": choices, "answer": "ABCD".index(answer)}

    return list(rows())


def _jsonl(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    sys.exit(main())
