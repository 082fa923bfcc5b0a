"""Scores as the Hub reads them: `.eval_results/TASK.yaml`, one for each benchmark that is a data set of the Hub.

Format: https://huggingface.co/docs/hub/eval-results. Only whole benchmarks are entered: a score of some of the
questions is no score of the benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

FOLDER = ".eval_results"


def eval_result_files(scores: Mapping[str, Any], *, model: str) -> dict[str, str]:
    """Return the files' texts by name, for one of the models scored."""
    files = {}
    for name, by_model in sorted((scores.get("benchmarks") or {}).items()):
        about = (scores.get("tasks") or {}).get(name) or {}
        if not about.get("hub") or about.get("max_questions") is not None or model not in by_model:
            continue
        entry = {
            "dataset": {"id": about["hub"], "task_id": name},
            "value": round(by_model[model]["accuracy"], 4),
            "notes": _notes(about, by_model[model], (scores.get("contamination") or {}).get(name)),
        }
        files[f"{name}.yaml"] = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=10_000)
    return files


def _notes(about: Mapping[str, Any], found: Mapping[str, Any], contamination: Mapping[str, Any] | None) -> str:
    low, high = found["interval"]
    notes = [
        f"{about.get('shots', 0)}-shot",
        f"prompt {about.get('prompt')} ({str(about.get('prompt_sha256'))[:12]})",
        f"{found['questions']} questions",
        f"95% interval {low:.4f} to {high:.4f}",
        "engine hanhua on lm_eval",
    ]
    if contamination is not None:
        notes.append(f"{contamination['held']} questions in the training corpus")
    return "; ".join(notes)
