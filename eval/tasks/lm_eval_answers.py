"""Runs tasks of lm_eval on a model, and makes rows of its samples as of our own tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lm_eval.evaluator import evaluate

from hanhua.errors import InputError
from hanhua.eval.engine.harness_model import HarnessLM
from hanhua.eval.engine.requests import OnDone
from hanhua.eval.engine.runner import Runner
from hanhua.eval.tasks.harness import quiet_lm_eval
from hanhua.eval.tasks.lm_eval_tasks import Harness

METRICS = ("acc_norm", "acc", "exact_match", "em", "score")
"""What accuracy is, the first that a task measures: published scores of ARC and HellaSwag are acc_norm."""


def answer_harness(
    runner: Runner,
    harness: Harness,
    *,
    in_chat: bool = False,
    system_prompt: str | None = None,
    on_done: OnDone | None = None,
) -> dict[str, Any]:
    """Run a task or group on a model and return {rows, crossings, pairs, truncated, metrics}, as JSON data.

    metrics: lm_eval's own results by task, and by group. A row is `correct` where the first of METRICS is 1.
    """
    lm = HarnessLM(runner, on_done=on_done)
    harness.begin()
    with quiet_lm_eval():
        results = evaluate(
            lm,
            task_dict=dict(harness.loaded),
            samples=None if harness.samples is None else dict(harness.samples),
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=in_chat,
            fewshot_as_multiturn=in_chat,
            system_instruction=system_prompt if in_chat else None,
        )
    rows = [_row(name, sample, lm) for name in harness.tasks for sample in _first_filter(results["samples"][name])]
    return {
        "rows": rows,
        "crossings": 0,
        "pairs": lm.pairs,
        "truncated": sum("truncated" in row for row in rows),
        "metrics": _metrics(results),
    }


def _first_filter(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each question once: of several ways to read a reply the first, which is lm_eval's strict one."""
    if not samples:
        return []
    first = samples[0]["filter"]
    return sorted((sample for sample in samples if sample["filter"] == first), key=lambda one: int(one["doc_id"]))


def _row(name: str, sample: Mapping[str, Any], lm: HarnessLM) -> dict[str, Any]:
    metric = next((metric for metric in METRICS if isinstance(sample.get(metric), (int, float, bool))), None)
    if metric is None:
        raise InputError(f"lm_eval's task {name} measures {', '.join(sample['metrics'])}, which is no share of answers")
    arguments = sample["arguments"]
    row: dict[str, Any] = {
        "id": f"{name}#{sample['doc_id']}",
        "subject": name,
        "correct": float(sample[metric]) == 1.0,
        "metric": metric,
        "target": str(sample["target"]),
        "prompt": str(arguments[0][0]),
    }
    if isinstance(arguments[0][1], str):
        sums = [float(log_p) for log_p, _ in sample["filtered_resps"]][: len(arguments)]
        options = [str(one[1]) for one in arguments]
        row |= {"options": options, "log_likelihoods": sums, "choice": sums.index(max(sums))}
        cut = any((str(one[0]), str(one[1])) in lm.truncated for one in arguments)
    else:
        row |= {"text": str(sample["resps"][0][0]), "read_as": str(sample["filtered_resps"][0])}
        cut = (str(arguments[0][0]), "") in lm.truncated
    return row | ({"truncated": True} if cut else {})


def _metrics(results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return lm_eval's own figures by task and group, without standard errors and names."""
    return {
        name: {
            metric: float(value)
            for metric, value in found.items()
            if isinstance(value, (int, float)) and "stderr" not in metric and "," in metric
        }
        for name, found in {**results["results"], **(results.get("groups") or {})}.items()
    }
