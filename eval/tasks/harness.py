"""Tasks run by lm_eval: one lm_eval task per subject, on questions already in memory.

Questions are handed over as an in-memory data set, so that nothing is downloaded, and nothing is written to a data
set cache. What is asked, how examples stand before it, and the answers are lm_eval's; the model is ours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import datasets
import lm_eval.api.task
from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import evaluate

from hanhua.eval.engine.language_model import ScoringLM
from hanhua.eval.engine.requests import OnDone
from hanhua.eval.engine.runner import Runner
from hanhua.eval.tasks.definition import Task
from hanhua.eval.tasks.items import Item, Shots
from hanhua.eval.tasks.written import compare_written


class ItemTask(ConfigurableTask):  # type: ignore[misc]
    """An lm_eval task over questions in memory: `test`, and `dev` for solved examples."""

    def __init__(self, config: dict[str, Any], splits: dict[str, Sequence[Item]]) -> None:
        self._splits = splits
        super().__init__(config=config)

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Take the questions given instead of loading a data set."""
        self.dataset = {
            name: datasets.Dataset.from_list([{**vars(item), "options": list(item.options)} for item in items])
            for name, items in self._splits.items()
        }

    # lm_eval would run each question through Jinja again, which is slow, and reads {{ in it as a template.

    def doc_to_text(self, doc: dict[str, Any], doc_to_text: Any = None) -> str:
        """Return a question as the prompt words it."""
        return str(doc["context"])

    def doc_to_target(self, doc: dict[str, Any], doc_to_target: Any = None) -> Any:
        """Return the right option's index, or a right answer as an example would write it."""
        return doc["answer"] if doc["options"] else doc["answers"][0]

    def doc_to_choice(self, doc: dict[str, Any], doc_to_choice: Any = None) -> list[str]:
        """Return the options."""
        return list(doc["options"])

    def process_results(self, doc: dict[str, Any], results: Any) -> dict[str, float]:
        """Return nothing of lm_eval's own: scores are made from the samples."""
        return {}


def make_tasks(task: Task, items: Sequence[Item], shots: Shots) -> dict[str, ItemTask]:
    """Return one lm_eval task per subject, by `name/subject`."""
    wording = task.wording
    settings: dict[str, Any] = {
        "output_type": "generate_until" if task.kind == "written" else "multiple_choice",
        "test_split": "test",
        "doc_to_text": "context",
        "doc_to_target": "answer",
        "target_delimiter": wording.delimiter,
        "fewshot_delimiter": wording.between,
    }
    if task.kind == "written":
        settings["generation_kwargs"] = {"until": list(task.stops), "max_gen_toks": task.max_new_tokens}
        settings["metric_list"] = [{"metric": "exact_match"}]
    else:
        settings["doc_to_choice"] = "options"
    tasks = {}
    for subject, solved in shots.by_subject.items():
        splits: dict[str, Sequence[Item]] = {"test": [item for item in items if item.subject == subject]}
        name, heading = f"{task.name}/{subject}", task.heading(subject)
        config = {**settings, "task": name, "description": heading, "num_fewshot": len(solved)}
        if solved:
            splits["dev"] = solved
            config |= {"fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"}}
        with quiet_lm_eval():
            tasks[name] = ItemTask(config, splits)
    return tasks


def answer_items(
    runner: Runner,
    task: Task,
    tasks: dict[str, ItemTask],
    *,
    in_chat: bool = False,
    system_prompt: str | None = None,
    on_done: OnDone | None = None,
) -> dict[str, Any]:
    """Run the tasks on a model and return {rows, crossings, pairs, truncated}, as JSON data.

    A row: id, subject, correct, prompt; `options`, `answer`, `choice` and `log_likelihoods` of what is chosen from,
    and where an option crosses, `joined`: the log-likelihoods with prompt and option encoded as one string; `text`
    and `overlap` of a written answer. crossings: number of pairs whose tokens would have merged with the prompt's
    last one, had the two been encoded as one; pairs: number of all. truncated: number of questions whose prompt was cut
    on the left to fit the model; their rows say so too.
    """
    lm = ScoringLM(runner, joined=task.kind == "cloze", in_chat=in_chat, on_done=on_done)
    with quiet_lm_eval():
        results = evaluate(
            lm,
            task_dict={"tasks": tasks},
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=in_chat,
            fewshot_as_multiturn=in_chat,
            system_instruction=system_prompt if in_chat else None,
        )
    samples = [sample for name in tasks for sample in results["samples"][name]]
    make = _written_row if task.kind == "written" else _chosen_row
    rows = [make(task, sample, lm) | _cut(sample, lm) for sample in samples]
    return {
        "rows": rows,
        "crossings": lm.crossings,
        "pairs": lm.pairs,
        "truncated": sum("truncated" in row for row in rows),
    }


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


def _chosen_row(task: Task, sample: dict[str, Any], lm: ScoringLM) -> dict[str, Any]:
    document, options = sample["doc"], list(sample["doc"]["options"])
    sums = [float(log_p) for log_p, _ in sample["filtered_resps"]]
    joined = [lm.joined.get(pair, total) for pair, total in zip(_pairs(sample), sums, strict=True)]
    choice = _best(task, options, sums)
    row = {
        "id": document["id"],
        "subject": document["subject"],
        "answer": document["answer"],
        "choice": choice,
        "correct": choice == document["answer"],
        "options": options,
        "log_likelihoods": sums,
        "prompt": sample["arguments"][0][0],
    }
    if joined != sums:
        row |= {"joined": joined, "correct_joined": _best(task, options, joined) == document["answer"]}
    return row


def _cut(sample: dict[str, Any], lm: ScoringLM) -> dict[str, bool]:
    prompts = ((a[0], a[1] if isinstance(a[1], str) else "") for a in sample["arguments"])
    return {"truncated": True} if any(pair in lm.truncated for pair in prompts) else {}


def _pairs(sample: dict[str, Any]) -> list[tuple[str, str]]:
    return [(arguments[0], arguments[1]) for arguments in sample["arguments"]]


def _best(task: Task, options: Sequence[str], log_likelihoods: Sequence[float]) -> int:
    """Return the likeliest option; per character or byte where the task says so, never per token."""
    sizes = [1] * len(options)
    if task.normalize != "none":
        sizes = [len(o) if task.normalize == "characters" else len(o.encode()) for o in options]
    return max(range(len(options)), key=lambda n: log_likelihoods[n] / max(sizes[n], 1))


def _written_row(task: Task, sample: dict[str, Any], lm: ScoringLM) -> dict[str, Any]:
    document, text = sample["doc"], str(sample["filtered_resps"][0])
    compared = compare_written(text, document["answers"], metric=task.metric)
    return {
        "id": document["id"],
        "subject": document["subject"],
        "answers": list(document["answers"]),
        "text": text,
        "correct": compared.correct,
        "overlap": compared.overlap,
        "prompt": sample["arguments"][0][0],
    }
