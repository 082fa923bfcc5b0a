"""lm_eval's own tasks through our engine: the same choices, likelihoods and texts as its Hugging Face backend gives."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from tiny_eval import CHINESE, ENGLISH
from typer.testing import CliRunner

from hanhua.cli.eval import app
from hanhua.errors import InputError, UsageError
from hanhua.eval.config import Benchmark
from hanhua.eval.engine.loaded_model import LoadedModel
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.material import read_questionnaire
from hanhua.eval.tasks.harness import quiet_lm_eval
from hanhua.eval.tasks.lm_eval_answers import answer_harness
from hanhua.eval.tasks.lm_eval_tasks import harness_name, load_harness

PIECES = [piece for text in CHINESE for piece in text.split("，")]


def rows_of(make: Callable[[random.Random], dict[str, Any]], count: int) -> list[dict[str, Any]]:
    draw = random.Random(3)
    return [make(draw) for _ in range(count)]


def belebele(draw: random.Random) -> dict[str, Any]:
    answers = {f"mc_answer{n}": draw.choice(PIECES) for n in range(1, 5)}
    return {
        "flores_passage": draw.choice(CHINESE), "question": draw.choice(PIECES) + "？", **answers,
        "correct_answer_num": str(draw.randint(1, 4)), "dialect": "zho_Hans",
    }  # fmt: skip


def xcopa(draw: random.Random) -> dict[str, Any]:
    return {
        "premise": draw.choice(PIECES) + "。", "choice1": draw.choice(PIECES), "choice2": draw.choice(PIECES),
        "question": draw.choice(["cause", "effect"]), "label": draw.randint(0, 1),
    }  # fmt: skip


def hellaswag(draw: random.Random) -> dict[str, Any]:
    return {
        "activity_label": "Cooking [title]", "ctx_a": draw.choice(ENGLISH), "ctx_b": "then she", "ctx": "",
        "endings": [draw.choice(ENGLISH).lower() for _ in range(4)], "label": str(draw.randint(0, 3)), "split": "val",
    }  # fmt: skip


def mgsm(draw: random.Random) -> dict[str, Any]:
    number = draw.randint(1, 20)
    return {"question": draw.choice(CHINESE), "answer": None, "answer_number": number, "equation_solution": None}


def aclue(draw: random.Random) -> dict[str, Any]:
    options = {letter: draw.choice(PIECES) for letter in "ABCD"}
    return {"Question": draw.choice(PIECES), **options, "Answer": draw.choice("ABCD")}


DATA: dict[str, list[dict[str, Any]]] = {
    "facebook/belebele/zho_Hans/test.jsonl": rows_of(belebele, 9),
    "cambridgeltl/xcopa/zh/test.jsonl": rows_of(xcopa, 12),
    "cambridgeltl/xcopa/zh/validation.jsonl": rows_of(xcopa, 3),
    "Rowan/hellaswag/train.jsonl": rows_of(hellaswag, 3),
    "Rowan/hellaswag/validation.jsonl": rows_of(hellaswag, 8),
    "juletxara/mgsm/zh/train.jsonl": rows_of(mgsm, 12),
    "juletxara/mgsm/zh/test.jsonl": rows_of(mgsm, 5),
    "tyouisen/aclue/basic_ancient_chinese/dev.jsonl": rows_of(aclue, 5),
    "tyouisen/aclue/basic_ancient_chinese/test.jsonl": rows_of(aclue, 7),
}
TASKS = ("belebele_zho_Hans", "xcopa_zh", "hellaswag", "mgsm_direct_zh", "aclue_basic_ancient_chinese")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    for name, rows in DATA.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("shots", [0, 2])
def test_same_choices_likelihoods_and_texts_as_lm_evals_own_backend(
    name: str, shots: int, data: Path, base_model: LoadedModel
) -> None:
    if shots and name == "belebele_zho_Hans":
        shots = 0  # it has no split to draw examples from
    harness = load_harness(name, data=data, shots=shots)
    ours = answer_harness(runner_of(base_model, batch_size=4), harness)
    theirs_lm = HFLM(pretrained=base_model.network, tokenizer=base_model.tokenizer, batch_size=1, max_length=1024)
    # The same tasks again, as for the next model: those that draw their examples draw the same ones.
    harness.begin()
    with quiet_lm_eval():
        theirs = evaluate(theirs_lm, task_dict=dict(harness.loaded), bootstrap_iters=0)
    first = theirs["samples"][name][0]["filter"]
    samples = {f"{name}#{s['doc_id']}": s for s in theirs["samples"][name] if s["filter"] == first}
    assert {row["id"] for row in ours["rows"]} == set(samples)
    for row in ours["rows"]:
        sample = samples[row["id"]]
        assert row["prompt"] == sample["arguments"][0][0]
        if "text" in row:
            assert row["text"] == sample["resps"][0][0]
        else:
            expected = [float(log_p) for log_p, _ in sample["filtered_resps"]]
            assert row["log_likelihoods"] == pytest.approx(expected, abs=1e-4)
            assert row["choice"] == expected.index(max(expected))
        assert row["correct"] == (sample[row["metric"]] == 1.0)
    assert ours["metrics"][name] == pytest.approx(
        {key: value for key, value in theirs["results"][name].items() if key in ours["metrics"][name]}
    )


def test_every_model_is_shown_the_same_examples(data: Path, base_model: LoadedModel) -> None:
    harness = load_harness("mgsm_direct_zh", data=data, shots=3)
    runs = [answer_harness(runner_of(base_model, batch_size=4), harness)["rows"] for _ in range(2)]
    assert [row["prompt"] for row in runs[0]] == [row["prompt"] for row in runs[1]]
    assert runs[0][0]["prompt"].count("Answer:") == 4


def test_a_group_is_run_by_the_command_and_the_report_says_whose_prompt_it_is(
    data: Path, base: ModelFolder, tmp_path: Path
) -> None:
    options = ("--task=lm_eval:xcopa_zh", "--task=hellaswag@lm_eval", "--max-questions=4")
    result = CliRunner().invoke(
        app, [f"--model=tiny={base.folder}", f"--data={data}", *options, f"--out={tmp_path / 'out'}"]
    )
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    assert set(scores["benchmarks"]) == {"xcopa_zh@lm_eval", "hellaswag@lm_eval"}
    about, found = scores["tasks"]["hellaswag@lm_eval"], scores["benchmarks"]["hellaswag@lm_eval"]["tiny"]
    assert (about["variant"], found["questions"], about["whole"]) == ("lm_eval", 4, False)
    assert found["metrics"]["hellaswag"]["acc_norm,none"] == pytest.approx(found["accuracy"])
    assert "compares with scores published from lm_eval's hellaswag, 0-shot" in result.stdout
    assert (tmp_path / "out" / "samples" / "tiny" / "xcopa_zh@lm_eval.jsonl.zst").is_file()


def test_a_mistyped_task_gets_the_nearest_ones() -> None:
    with pytest.raises(UsageError, match=r"has no task 'cmmul' \(did you mean .*cmmlu"):
        load_harness("cmmul")
    with pytest.raises(UsageError, match="lm_eval has no such task"):
        harness_name("csimpleqa@lm_eval")
    with pytest.raises(UsageError, match="did you mean cmmlu"):
        harness_name("cmmul@lm_eval")
    assert harness_name("ceval@lm_eval") == "ceval-valid" and harness_name("ceval") is None


def test_files_that_a_task_names_one_by_one_are_found(data: Path) -> None:
    place = data / "ikala" / "tmmluplus" / "data"
    place.mkdir(parents=True)
    for split in ("train", "test"):
        (place / f"linear_algebra_{split}.csv").write_text("question,A,B,C,D,answer\n一加一？,1,2,3,4,B\n", "utf-8")
    harness = load_harness("tmmluplus_linear_algebra", data=data, shots=1)
    (task,) = harness.tasks.values()
    assert [document["goal"] for document in task.eval_docs] == [1]
    (place / "linear_algebra_train.csv").unlink()
    with pytest.raises(InputError, match=r"linear_algebra_train\.csv: no such file; it is hf://datasets/ikala"):
        load_harness("tmmluplus_linear_algebra", data=data)


def test_data_that_is_not_there_is_named_with_what_to_do(data: Path) -> None:
    with pytest.raises(InputError, match=r"no SPLIT\.jsonl.*hf download allenai/ai2_arc"):
        read_questionnaire(Benchmark(task="lm_eval:arc_easy", data=str(data)))
    with pytest.raises(InputError, match="measures likelihoods"):
        _rolling(data)


def _rolling(data: Path) -> None:
    place = data / "EleutherAI" / "wikitext_document_level" / "wikitext-2-raw-v1"
    place.mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation", "test"):
        (place / f"{split}.jsonl").write_text(json.dumps({"page": "text"}) + "\n", encoding="utf-8")
    load_harness("wikitext", data=data)
