"""Our four-option task, run by lm_eval: one lm_eval task per subject, on questions already in memory.

The prompt is a YAML file of lm_eval's own format beside this module. Questions are handed over as an
in-memory data set, so that nothing is downloaded, and nothing is written to a data set cache.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import lm_eval.api.task
import lm_eval.utils
import yaml
from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import evaluate

from hanhua.eval.engine.language_model import ScoringLM
from hanhua.eval.engine.runner import OnDone, Runner
from hanhua.eval.tasks.questions import LETTERS, Question, Shots


class ChoiceTask(ConfigurableTask):  # type: ignore[misc]
    """An lm_eval task over questions in memory: `test`, and `dev` for solved examples."""

    def __init__(self, config: dict[str, Any], splits: dict[str, Sequence[Question]]) -> None:
        self._splits = splits
        # lm_eval compiles the template anew for every question and example: 70,000 times for CMMLU.
        self._template = lm_eval.utils.env.from_string(config["doc_to_text"])
        super().__init__(config=config)

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Take the questions given instead of loading a data set."""
        self.dataset = {name: datasets.Dataset.from_list([_row(q) for q in qs]) for name, qs in self._splits.items()}

    def doc_to_text(self, doc: dict[str, Any], doc_to_text: Any = None) -> str:
        """Return a question as the prompt words it."""
        return str(self._template.render(**doc))


def prompt_path(prompt: str) -> Path:
    """Return the YAML file of a prompt version."""
    return Path(__file__).with_name(f"choice4_{prompt}.yaml")


def sha256_of_prompt(prompt: str) -> str:
    """Return the hash of a prompt's wording, recorded with every score."""
    settings = yaml.safe_load(prompt_path(prompt).read_text(encoding="utf-8"))
    return hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()


def make_tasks(name: str, questions: Sequence[Question], shots: Shots, *, prompt: str) -> dict[str, ChoiceTask]:
    """Return one lm_eval task per subject, by `name/subject`."""
    settings = yaml.safe_load(prompt_path(prompt).read_text(encoding="utf-8"))
    tasks = {}
    for subject, solved in shots.by_subject.items():
        splits: dict[str, Sequence[Question]] = {"test": [q for q in questions if q.subject == subject]}
        config = {**settings, "task": f"{name}/{subject}", "num_fewshot": len(solved)}
        if solved:
            splits["dev"] = solved
            config |= {"fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"}}
        with quiet_lm_eval():
            tasks[f"{name}/{subject}"] = ChoiceTask(config, splits)
    return tasks


def answer_questions(
    runner: Runner,
    tasks: dict[str, ChoiceTask],
    *,
    on_done: OnDone | None = None,
) -> dict[str, Any]:
    """Run the tasks on a model and return {rows, crossings, truncated}, as JSON data.

    A row: id, subject, answer, choice (letters), correct, log_likelihoods of A to D, and the prompt.
    crossings: continuations whose tokens would have merged with the prompt's last one, had the two been
    encoded as one string; truncated: prompts too long for the model, cut on the left.
    """
    lm = ScoringLM(runner, on_done=on_done)
    with quiet_lm_eval():
        results = evaluate(lm, task_dict={"tasks": tasks}, bootstrap_iters=0, log_samples=True)
    samples = (sample for name in tasks for sample in results["samples"][name])
    return {"rows": [_result(sample) for sample in samples], "crossings": lm.crossings, "truncated": lm.truncated}


@contextmanager
def quiet_lm_eval() -> Iterator[None]:
    """Keep lm_eval's advice and its bar per subject off the screen; errors stay."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    bar = lm_eval.api.task.tqdm
    lm_eval.api.task.tqdm = partial(bar, disable=True)
    try:
        yield
    finally:
        logger.setLevel(level)
        lm_eval.api.task.tqdm = bar


def _row(question: Question) -> dict[str, Any]:
    options = dict(zip(LETTERS, question.options, strict=True))
    return {
        "id": question.id,
        "subject": question.subject,
        "question": question.question,
        **options,
        "gold": question.answer,
    }


def _result(sample: dict[str, Any]) -> dict[str, Any]:
    log_likelihoods = [float(log_p) for log_p, _ in sample["filtered_resps"]]
    document = sample["doc"]
    return {
        "id": document["id"],
        "subject": document["subject"],
        "answer": LETTERS[document["gold"]],
        "choice": LETTERS[max(range(len(LETTERS)), key=log_likelihoods.__getitem__)],
        "correct": bool(sample["acc"]),
        "log_likelihoods": log_likelihoods,
        "prompt": sample["arguments"][0][0],
    }
