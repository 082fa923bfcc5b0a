"""Our engine against lm_eval's own Hugging Face backend: same choices, fewer tokens, less time.

    python benchmarks/eval_engine.py --data bench --compare 30

Ours answers every question; theirs, which computes every logit of a vocabulary of 128,256, the first `--compare` of
each subject (all, unless given). Time is compared on those; tokens on all: ours with padding, theirs without.

`bench` holds cmmlu/test, cmmlu/dev and ceval/dev as published. The model is random, in float32, with the real 128K
tokenizer; `initializer_range` 0.2 makes its answers differ. Ends with 1 when a choice differs, a log-likelihood is off
by more than 1e-4, more than a quarter of the tokens is processed, or the time is not a third.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from transformers import LlamaConfig, LlamaForCausalLM

from hanhua.base_tokenizer import write_llama3_tokenizer
from hanhua.eval.config import Benchmark
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.material import Questionnaire, read_questionnaire
from hanhua.eval.tasks.definition import Task
from hanhua.eval.tasks.harness import answer_items, make_tasks, quiet_lm_eval
from hanhua.eval.tasks.items import Item, Shots

TOLERANCE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with cmmlu/ and ceval/")
    parser.add_argument("--compare", type=int, help="questions of each subject that theirs answers too")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(Path(folder) / "model", hidden=options.hidden)
        met = True
        for task, shots in (("cmmlu", 5), ("ceval_dev", 0)):
            asked = Benchmark(task=task, data=options.data, shots=shots)
            met = compare(model, read_questionnaire(asked), each=options.compare, demanding=shots > 0) and met
    return 0 if met else 1


def make_model(folder: Path, *, hidden: int) -> LoadedModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=128256,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        rope_theta=5e5,
        initializer_range=0.2,
        bos_token_id=128000,
        eos_token_id=128001,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    write_llama3_tokenizer(folder)
    return load_model(open_model_folder("random", folder))


def compare(model: LoadedModel, questionnaire: Questionnaire, *, each: int | None, demanding: bool) -> bool:
    task, shots = questionnaire.task, questionnaire.shots
    found: dict[str, list[Any]] = {"all": [0, 0.0], "ours": [0, 0.0], "theirs": [0, 0.0]}
    ours: dict[str, list[float]] = {}
    again: dict[str, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    prompt_tokens = 0
    # Subject by subject in turn, so that whatever else the machine does slows both alike.
    for subject, solved in shots.by_subject.items():
        items = [item for item in questionnaire.items if item.subject == subject]
        own = type(shots)(shots.origin, {subject: solved})
        rows = answer(model, task, items, own, found["all"])
        ours |= {row["id"]: row["log_likelihoods"] for row in rows}
        prompt_tokens += sum(1 + len(ids) for ids in model.encode([row["prompt"] for row in rows]))
        some = items[:each]
        again |= {row["id"]: row["log_likelihoods"] for row in answer(model, task, some, own, found["ours"])}
        tasks: dict[str, Any] = dict(make_tasks(task, some, own))
        with counted(model, found["theirs"]), quiet_lm_eval():
            lm = HFLM(pretrained=model.network, tokenizer=model.tokenizer, batch_size=4)
            results = evaluate(lm, task_dict={"tasks": tasks}, bootstrap_iters=0, log_samples=True)
        for sample in (s for name in tasks for s in results["samples"][name]):
            theirs[sample["doc"]["id"]] = [float(log_p) for log_p, _ in sample["filtered_resps"]]
    pairs = [(one, known[id_]) for known in (ours, again) for id_, one in theirs.items()]
    worst = max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True))
    best = {id_: max(range(4), key=one.__getitem__) for id_, one in ours.items()}
    same = sum(best[id_] == max(range(4), key=one.__getitem__) for id_, one in theirs.items())
    tokens, faster = found["all"][0] / prompt_tokens, found["theirs"][1] / found["ours"][1]
    report = {
        "task": task.name,
        "subjects": len(shots.by_subject),
        "shots": max(len(solved) for solved in shots.by_subject.values()),
        "questions": len(ours),
        "compared": len(theirs),
        "same_choices": same,
        "letters": {"ABCD"[n]: list(best.values()).count(n) for n in range(4)},
        "largest_difference": worst,
        "tokens_ours": found["all"][0],
        "tokens_theirs": prompt_tokens,
        "tokens_ratio": round(tokens, 4),
        "seconds_ours_all": round(found["all"][1], 1),
        "seconds_compared": [round(found[name][1], 1) for name in ("ours", "theirs")],
        "times_faster": round(faster, 1),
    }
    print(json.dumps(report), flush=True)
    exact = same == len(theirs) and worst <= TOLERANCE
    return exact and (not demanding or (tokens <= 0.25 and faster >= 3))


def answer(model: LoadedModel, task: Task, items: list[Item], shots: Shots, total: list[Any]) -> list[dict[str, Any]]:
    with counted(model, total):
        rows: list[dict[str, Any]] = answer_items(
            runner_of(model, batch_size=16), task, make_tasks(task, items, shots)
        )["rows"]
    return rows


@contextmanager
def counted(model: LoadedModel, total: list[Any]) -> Iterator[None]:
    """Add the tokens the network processes inside, padding included, and the seconds."""

    def count(module: Any, args: Any, kwargs: Any) -> None:
        total[0] += kwargs["input_ids"].numel()

    hook = model.network.base_model.register_forward_pre_hook(count, with_kwargs=True)
    began = time.perf_counter()
    try:
        yield
    finally:
        total[1] += time.perf_counter() - began
        hook.remove()


if __name__ == "__main__":
    sys.exit(main())
