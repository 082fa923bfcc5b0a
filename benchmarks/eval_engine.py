"""Our engine against lm_eval's own Hugging Face backend: same choices, fewer tokens, less time.

    python benchmarks/eval_engine.py --data bench --compare 30

Choices, log-likelihoods and time are compared on the first `--compare` questions of each subject (all, unless given):
theirs computes every logit of a vocabulary of 128,256. Tokens are counted on all: ours as planned, with padding; theirs
without.

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
from measurement import add_json_option, write_measurement
from transformers import LlamaConfig, LlamaForCausalLM

from hanhua.base_tokenizer import write_llama3_tokenizer
from hanhua.eval.config import Benchmark
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.engine.shared_prefix import plan_batches
from hanhua.eval.material import Questionnaire, read_questionnaire
from hanhua.eval.tasks.harness import answer_items, make_tasks, quiet_lm_eval

TOLERANCE = 1e-4
BATCH = 16


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with cmmlu/ and ceval/")
    parser.add_argument("--compare", type=int, help="questions of each subject that theirs answers too")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    add_json_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(Path(folder) / "model", hidden=options.hidden)
        reports = []
        for task, shots in (("cmmlu", 5), ("ceval_dev", 0)):
            asked = Benchmark(task=task, data=options.data, shots=shots)
            reports.append(compare(model, read_questionnaire(asked), each=options.compare, demanding=shots > 0))
    write_measurement(__file__, options, reports)
    return 0 if all(report["met"] for report in reports) else 1


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


def compare(model: LoadedModel, questionnaire: Questionnaire, *, each: int | None, demanding: bool) -> dict[str, Any]:
    task, shots = questionnaire.task, questionnaire.shots
    spent: dict[str, list[Any]] = {"ours": [0, 0.0], "theirs": [0, 0.0]}
    ours: dict[str, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    # Subject by subject in turn, so that whatever else the machine does slows both alike.
    for subject, solved in shots.by_subject.items():
        items = [item for item in questionnaire.items if item.subject == subject][:each]
        own = type(shots)(shots.origin, {subject: solved})
        with counted(model, spent["ours"]):
            data = answer_items(runner_of(model, batch_size=BATCH), task, make_tasks(task, items, own))
        ours |= {row["id"]: row["log_likelihoods"] for row in data["rows"]}
        tasks: dict[str, Any] = dict(make_tasks(task, items, own))
        with counted(model, spent["theirs"]), quiet_lm_eval():
            lm = HFLM(pretrained=model.network, tokenizer=model.tokenizer, batch_size=4)
            results = evaluate(lm, task_dict={"tasks": tasks}, bootstrap_iters=0, log_samples=True)
        for sample in (s for name in tasks for s in results["samples"][name]):
            theirs[sample["doc"]["id"]] = [float(log_p) for log_p, _ in sample["filtered_resps"]]
    worst = max(abs(a - b) for id_, one in theirs.items() for a, b in zip(one, ours[id_], strict=True))
    best = {id_: max(range(4), key=one.__getitem__) for id_, one in ours.items()}
    same = sum(best[id_] == max(range(4), key=one.__getitem__) for id_, one in theirs.items())
    tokens, faster = count_tokens_of_all(model, questionnaire), spent["theirs"][1] / spent["ours"][1]
    exact = same == len(theirs) and worst <= TOLERANCE
    report = {
        "task": task.name,
        "subjects": len(shots.by_subject),
        "shots": max(len(solved) for solved in shots.by_subject.values()),
        "compared": len(theirs),
        "same_choices": same,
        "letters": {"ABCD"[n]: list(best.values()).count(n) for n in range(4)},
        "largest_difference": worst,
        "processed_on_compared": [spent[name][0] for name in ("ours", "theirs")],
        "seconds_on_compared": [round(spent[name][1], 1) for name in ("ours", "theirs")],
        "times_faster": round(faster, 1),
        "questions": len(questionnaire.items),
        "tokens_of_all": tokens,
        "tokens_ratio": round(tokens[0] / tokens[1], 4),
        "met": exact and (not demanding or (tokens[0] <= tokens[1] / 4 and faster >= 3)),
    }
    print(json.dumps(report), flush=True)
    return report


def count_tokens_of_all(model: LoadedModel, questionnaire: Questionnaire) -> list[int]:
    """Return the tokens that ours and theirs process for every question, from the prompts alone."""
    prompts = []
    for tasks in make_tasks(questionnaire.task, questionnaire.items, questionnaire.shots).values():
        with quiet_lm_eval():
            tasks.build_all_requests()
        prompts += [instance.args[0] for instance in tasks.instances[::4]]
    inputs = [(model.bos_id, *ids) for ids in model.encode(prompts)]
    batches = plan_batches(inputs, scored=[1] * len(inputs), batch_size=BATCH)
    ours, group = 0, -1
    for batch in batches:
        ours += len(batch.items) * max(len(inputs[i]) - batch.prefix_tokens for i in batch.items)
        ours += batch.prefix_tokens if batch.group != group else 0
        group = batch.group
    return [ours, sum(map(len, inputs))]


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
