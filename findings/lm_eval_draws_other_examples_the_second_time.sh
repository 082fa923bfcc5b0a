#!/usr/bin/env bash
# lm_eval 0.4.13: a task that was loaded once and is evaluated twice shows the second model other few-shot examples.
#
# Belief: the examples before a question follow from the task, the number of shots and the few-shot seed; so two models
#   that are evaluated one after the other on the same loaded task read the same prompts.
# Behavior: tasks without a sampler of their own (GSM8K's, among others) draw from one random generator that lives in the
#   task and goes on where the evaluation before left it. Only `set_fewshot_seed` before each evaluation starts it again.
# It matters for whoever loads tasks once and calls `evaluate` for a model before and after training: the comparison is
# then between different prompts. `simple_evaluate` loads the tasks anew each time, which hides it.
# Seen: the first and the second evaluation agree on 0 of 5 prompts, and on 5 of 5 when the seed is set before each.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet lm_eval==0.4.13
"$folder/venv/bin/python" - <<'PY' 2>/dev/null
import datasets
from lm_eval.api.model import LM
from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import evaluate


class Silent(LM):
    """Answers nothing: only the prompts are looked at."""

    def generate_until(self, requests, disable_tqdm=False):
        return ["" for _ in requests]

    def loglikelihood(self, requests, disable_tqdm=False):
        return [(0.0, False) for _ in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        return [0.0 for _ in requests]


class Sums(ConfigurableTask):
    def __init__(self):
        super().__init__(config={
            "task": "sums", "output_type": "generate_until", "training_split": "train", "fewshot_split": "train",
            "test_split": "test", "doc_to_text": "{{question}}\nAnswer:", "doc_to_target": "{{answer}}", "num_fewshot": 3,
            "generation_kwargs": {"until": ["\n"]}, "metric_list": [{"metric": "exact_match"}],
        })

    def download(self, *args, **kwargs):
        rows = [{"question": f"{n} + {n} = ?", "answer": str(2 * n)} for n in range(60)]
        self.dataset = {"train": datasets.Dataset.from_list(rows[5:]), "test": datasets.Dataset.from_list(rows[:5])}


def prompts(task):
    samples = evaluate(Silent(), task_dict={"tasks": {"sums": task}}, bootstrap_iters=0)["samples"]["sums"]
    return [sample["arguments"][0][0] for sample in sorted(samples, key=lambda one: one["doc_id"])]


def agreeing(task, *, seeded):
    found = []
    for _ in range(2):
        if seeded:
            task.set_fewshot_seed(seed=1234)
        found.append(prompts(task))
    return sum(one == other for one, other in zip(*found))


task = Sums()
task.set_fewshot_seed(seed=1234)
once, each = agreeing(task, seeded=False), agreeing(task, seeded=True)
print(f"prompts that agree: {once} of 5 when the seed is set once, {each} of 5 when it is set before each")
assert once < 5 and each == 5, "the behavior has changed"
PY
