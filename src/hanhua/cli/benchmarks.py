"""The benchmarks a command line names: files of questions, shipped tasks, or all whose files are in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hanhua.cli.printing import print_table

if TYPE_CHECKING:
    from hanhua.eval.tasks.definition import Task


def read_benchmarks(
    files: list[str],
    tasks: list[str],
    *,
    data: Path | None,
    fewshot: Path | None,
    shots: int | None,
    max_questions: int | None,
    chat: bool = False,
    both_ways: bool = False,
    system: str | None = None,
) -> list[dict[str, Any]]:
    """Return what --benchmark, --task and --data name, in the form of the config's `benchmarks`.

    chat: through the chat template, with `system` as the system prompt. both_ways: plainly as well, side by side.
    """
    common: dict[str, Any] = {"shots": shots, "max_questions": max_questions}
    found = []
    for option in files:
        name, path = _named(option)
        found.append({"name": name, "path": path, "fewshot_path": None if fewshot is None else str(fewshot), **common})
    named = bool(tasks)
    if data is not None and not tasks:
        tasks = _tasks_in(data)
    for task in tasks:
        # What was found and not named is left out if it cannot be read; the others run.
        found.append(
            {"task": task, "data": None if data is None else str(data), "may_be_left_out": not named, **common}
        )
    if not (chat or both_ways):
        return found
    in_chat = {"chat": True, "system_prompt": system}
    if not both_ways:
        return [{**one, **in_chat} for one in found]
    return [way for one in found for way in (one, {**one, "name": f"{_shown_name(one)}@chat", **in_chat})]


def _shown_name(benchmark: dict[str, Any]) -> str:
    """Return what scores will call a benchmark."""
    from hanhua.eval.config import Benchmark

    return Benchmark(task=benchmark.get("task", "choice4_zh"), name=benchmark.get("name", "")).name


def print_tasks(wanted: bool) -> None:
    """Print the shipped tasks and exit, when --list-tasks is given."""
    if not wanted:
        return
    from hanhua.eval.tasks.definition import load_task, task_names

    tasks = [load_task(name) for name in task_names()]
    rows = [
        (t.name, t.language, t.kind, str(t.shots), _shown_files(t), _variants(t), t.data.hub or "", t.title)
        for t in tasks
    ]
    head = ("task", "language", "kind", "shots", "files below --data", "other prompts", "on the Hub", "what")
    print_table(head, rows)
    raise typer.Exit


def _variants(task: Task) -> str:
    """Return by which suffixes the task is asked with another prompt than ours."""
    return " ".join(suffix for suffix, there in (("@lm_eval", task.lm_eval), ("@official", task.official)) if there)


def _shown_files(task: Task) -> str:
    """Return the layout that is looked for first; further ones are in the task's file."""
    layouts = task.data.layouts
    return "(--benchmark)" if not layouts else layouts[0] + (", …" if len(layouts) > 1 else "")


def _tasks_in(data: Path) -> list[str]:
    from hanhua.errors import InputError
    from hanhua.eval.tasks.definition import load_task, task_names
    from hanhua.eval.tasks.items import has_files

    if not data.is_dir():
        raise InputError(f"{data}: no such folder")
    found = [name for name in task_names() if has_files(load_task(name), data)]
    if not found:
        raise InputError(
            f"{data}: no shipped task has its files here; `hanhua eval --list-tasks` shows where they look"
        )
    return found


def _named(option: str) -> tuple[str, str]:
    """Split [NAME=]PATH; the name of a bare path is its stem."""
    name, equals, path = option.partition("=")
    return (name, path) if equals else (Path(option).name.split(".")[0], option)
