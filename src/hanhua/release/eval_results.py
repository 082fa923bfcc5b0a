"""Scores as the Hub reads them: `.eval_results/TASK.yaml`, one for each benchmark that is a data set of the Hub.

Format: https://huggingface.co/docs/hub/eval-results. Only whole benchmarks are entered: a score of some of the
questions is no score of the benchmark. The score is that of the model that is released.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from hanhua.figures.benchmark_notes import prompts_cut
from hanhua.release.front_matter import entered_scores

FOLDER = ".eval_results"


def eval_result_files(scores: Mapping[str, Any], *, model: str) -> dict[str, str]:
    """Return the files' texts by name, for one of the models scored: the released one."""
    files = {}
    for name, about, score in entered_scores(scores, model=model):
        entry = {
            "dataset": {"id": about["hub"], "task_id": name},
            "value": round(score["accuracy"], 4),
            "notes": _notes(about, score, (scores.get("contamination") or {}).get(name)),
        }
        files[f"{name}.yaml"] = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=10_000)
    return files


def _notes(about: Mapping[str, Any], found: Mapping[str, Any], contamination: Mapping[str, Any] | None) -> str:
    low, high = found["interval"]
    cut = prompts_cut(found.get("truncated", 0), found["questions"])
    notes = [
        f"{about.get('shots', 0)}-shot",
        f"prompt {about.get('prompt')} ({str(about.get('prompt_sha256'))[:12]})",
        f"{found['questions']} questions",
        f"95% interval {low:.4f} to {high:.4f}",
        "engine hanhua on lm_eval",
        *([] if cut is None else [cut["en"]]),
    ]
    if contamination is not None:
        notes.append(f"{contamination['held']} questions in the training corpus")
    return "; ".join(notes)
