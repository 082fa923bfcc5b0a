"""A benchmark's scores, made from its answered questions. No torch, no model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from hanhua.artifacts.manifest import library_versions
from hanhua.eval.comparison.intervals import Interval, wilson
from hanhua.eval.material import Questionnaire
from hanhua.eval.tasks.definition import OFFICIAL, Size, Task
from hanhua.eval.tasks.items import Item, sha256_of_items
from hanhua.eval.tasks.rows import LETTERS
from hanhua.figures.flags import at_chance, one_letter

ONE_LETTER_SHARE = 0.8
"""A model that gives one letter so often answers by habit; a random one does so 87% of the time."""


def score_answers(answers: Mapping[str, Any], *, task: Task) -> dict[str, Any]:
    """Return one model's accuracy on one benchmark, overall (with its Wilson interval) and by subject.

    accuracy is micro (over questions), macro_accuracy the mean of the subjects'. Where options cross the end of
    the prompt, accuracy_joined is what encoding prompt and option as one string would have given.
    """
    rows = answers["rows"]
    right = sum(row["correct"] for row in rows)
    by_subject: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        by_subject[row["subject"]].append(row["correct"])
    means = {subject: sum(found) / len(found) for subject, found in sorted(by_subject.items())}
    interval = wilson(right, len(rows))
    chance = chance_of([row["options"] for row in rows]) if task.kind != "written" else 0.0
    scored = {
        "accuracy": right / len(rows),
        "questions": len(rows),
        "interval": list(interval),
        "macro_accuracy": sum(means.values()) / len(means),
        "by_subject": means,
        "chance": chance,
        "flags": _flags(rows, interval, task, chance),
        "crossings": answers["crossings"],
        "pairs": answers["pairs"],
        "truncated": answers["truncated"],
        "prompt_format": answers.get("prompt_format", "raw"),
    }
    if "metrics" in answers:
        scored["metrics"] = answers["metrics"]
    if task.kind == "written":
        overlap = [row["overlap"] for row in rows if "overlap" in row]
        return {**scored, **({"overlap": sum(overlap) / len(overlap)} if overlap else {})}
    if task.kind == "letters":
        scored["answers"] = {
            letter: sum(row["choice"] == n for row in rows) for n, letter in enumerate(_letters_of(rows))
        }
    if answers["crossings"] and task.kind == "cloze":
        scored["accuracy_joined"] = sum(row.get("correct_joined", row["correct"]) for row in rows) / len(rows)
    return scored


def chance_of(options: Sequence[Sequence[str]]) -> float:
    """Return what guessing gets: the mean of one over the number of options."""
    return sum(1 / len(one) for one in options) / len(options)


def describe_benchmark(questionnaire: Questionnaire) -> dict[str, Any]:
    """Return what makes a benchmark's scores comparable with others: questions, prompt, shots, engine."""
    task, shots = questionnaire.task, questionnaire.shots
    example: Item = questionnaire.items[0]
    return {
        "task": questionnaire.benchmark.task,
        "title": task.title,
        "language": task.language,
        "license": task.license,
        # Of questions given by path nobody knows that they are the data set's.
        "hub": task.data.hub if questionnaire.benchmark.path is None else None,
        "max_questions": questionnaire.benchmark.max_questions,
        "kind": task.kind,
        "questions": len(questionnaire.items),
        **_extent(questionnaire),
        "questions_sha256": sha256_of_items(questionnaire.items),
        "prompt": task.wording.version,
        "prompt_sha256": task.prompt_sha256,
        **_variant(questionnaire),
        "shots_from": shots.origin,
        "leaked_examples": list(questionnaire.leaked),
        "example": task.heading(example.subject) + example.context,
        "engine": library_versions(("lm_eval",)),
    }


def _variant(questionnaire: Questionnaire) -> dict[str, Any]:
    """Return whose prompt was used, with how many examples, and which published scores are comparable."""
    harness, task = questionnaire.harness, questionnaire.task
    if harness is not None:
        shots = harness.shots
        beside = f"scores published from lm_eval's {harness.name}, {shots}-shot"
        return {"shots": shots, "variant": "lm_eval", "comparable_with": beside}
    shots = max(len(solved) for solved in questionnaire.shots.by_subject.values())
    official = questionnaire.benchmark.task.endswith(OFFICIAL)
    variant = "official" if official else "ours"
    return {"shots": shots, "variant": variant, "comparable_with": task.comparable_with or None}


def _extent(questionnaire: Questionnaire) -> dict[str, Any]:
    """Return how much of the benchmark was asked; `whole` only where its published size is known and reached."""
    # Questions of one's own, given by path, are another benchmark than the task's.
    benchmark, harness = questionnaire.benchmark, questionnaire.harness
    published = questionnaire.task.published if benchmark.path is None else None
    if harness is not None and benchmark.data is None and harness.samples is None:
        # lm_eval read all of the Hub's data set itself.
        published = Size(questions=len(questionnaire.items))
    subjects = len({item.subject for item in questionnaire.items})
    sizes = {} if published is None else published.model_dump(exclude_none=True)
    found = {"questions": len(questionnaire.items), "subjects": subjects}
    return {
        "subjects": subjects,
        "published": sizes or None,
        "whole": bool(sizes)
        and all(found[name] == size for name, size in sizes.items())
        and ("questions" in sizes or questionnaire.benchmark.max_questions is None),
    }


def _letters_of(rows: Sequence[Mapping[str, Any]]) -> str:
    return LETTERS[: max(len(row["options"]) for row in rows)]


def _flags(rows: Sequence[Mapping[str, Any]], interval: Interval, task: Task, chance: float) -> list[str]:
    if task.kind == "written":
        return []
    flags = []
    choice, times = Counter(row["choice"] for row in rows).most_common(1)[0]
    if task.kind == "letters" and times >= ONE_LETTER_SHARE * len(rows):
        flags.append(one_letter(LETTERS[choice], times / len(rows)))
    if interval[0] <= chance:
        flags.append(at_chance(chance))
    return flags
