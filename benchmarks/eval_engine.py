"""Our engine against lm_eval's own Hugging Face backend: same choices, fewer tokens, less time.

    python benchmarks/eval_engine.py --data bench

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
from hanhua.eval.tasks.harness import answer_items, make_tasks, quiet_lm_eval

TOLERANCE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with cmmlu/ and ceval/")
    parser.add_argument("--max-questions", type=int, help="only so many of each subject")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(Path(folder) / "model", hidden=options.hidden)
        met = True
        for task, shots in (("cmmlu", 5), ("ceval_dev", 0)):
            asked = Benchmark(task=task, data=options.data, shots=shots, max_questions=options.max_questions)
            met = compare(model, read_questionnaire(asked), demanding=shots > 0) and met
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


def compare(model: LoadedModel, questionnaire: Questionnaire, *, demanding: bool) -> bool:
    task, shots = questionnaire.task, questionnaire.shots
    theirs: dict[str, list[float]] = {}
    found = {"ours": [0, 0.0], "theirs": [0, 0.0]}
    ours: dict[str, list[float]] = {}
    # Subject by subject in turn, so that whatever else the machine does slows both alike.
    for subject, solved in shots.by_subject.items():
        items = [item for item in questionnaire.items if item.subject == subject]
        own = type(shots)(shots.origin, {subject: solved})
        with counted(model, found["ours"]):
            data = answer_items(runner_of(model, batch_size=16), task, make_tasks(task, items, own))
        ours |= {row["id"]: row["log_likelihoods"] for row in data["rows"]}
        tasks: dict[str, Any] = dict(make_tasks(task, items, own))
        with counted(model, found["theirs"]), quiet_lm_eval():
            lm = HFLM(pretrained=model.network, tokenizer=model.tokenizer, batch_size=4)
            results = evaluate(lm, task_dict={"tasks": tasks}, bootstrap_iters=0, log_samples=True)
        for sample in (s for name in tasks for s in results["samples"][name]):
            theirs[sample["doc"]["id"]] = [float(log_p) for log_p, _ in sample["filtered_resps"]]
    worst = max(abs(a - b) for id_, one in ours.items() for a, b in zip(one, theirs[id_], strict=True))
    best = {id_: max(range(4), key=one.__getitem__) for id_, one in ours.items()}
    same = sum(choice == max(range(4), key=theirs[id_].__getitem__) for id_, choice in best.items())
    tokens, seconds = (found["ours"][n] / found["theirs"][n] for n in (0, 1))
    print(
        json.dumps(
            {
                "task": task.name, "subjects": len(shots.by_subject), "shots": demanding and 5, "questions": len(ours),
                "same_choices": same, "letters": sorted({"ABCD"[n] for n in best.values()}),
                "largest_difference": worst, "tokens": [int(found[k][0]) for k in ("ours", "theirs")],
                "tokens_ratio": round(tokens, 4), "seconds": [round(found[k][1], 1) for k in ("ours", "theirs")],
                "times_faster": round(1 / seconds, 2),
            }
        ),
        flush=True,
    )  # fmt: skip
    exact = same == len(ours) and worst <= TOLERANCE
    return exact and (not demanding or (tokens <= 0.25 and seconds <= 1 / 3))


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
