"""Tasks and groups of the installed lm_eval, by name: its prompts, data and metrics; our engine asks the model.

`lm_eval:NAME` names one; `NAME@lm_eval` names the one that a shipped task of ours corresponds to.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hanhua.errors import InputError, UsageError
from hanhua.eval.tasks.definition import Kind, Prompt, Rows, Task, load_task
from hanhua.eval.tasks.items import Item
from hanhua.zh_text.scripts import is_han

PREFIX, SUFFIX = "lm_eval:", "@lm_eval"
FEWSHOT_SEED = 1234
"""Of the command line of lm_eval, by which tasks that draw their examples draw them."""


@dataclass(frozen=True)
class Harness:
    """A task or group of lm_eval, loaded: what `evaluate` takes, and which questions of each task are asked.

    samples: indices by task, None for all. shots: the most examples any of its tasks puts before a question.
    """

    name: str
    loaded: Mapping[str, Any]
    samples: Mapping[str, list[int]] | None
    shots: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def tasks(self) -> Mapping[str, Any]:
        """Its tasks by name."""
        found: Mapping[str, Any] = self.loaded["tasks"]
        return found

    def begin(self) -> None:
        """Let tasks that draw their examples draw the same ones again; to be called before each model is asked."""
        for task in self.tasks.values():
            task.set_fewshot_seed(seed=FEWSHOT_SEED)


def harness_name(task: str) -> str | None:
    """Return which task of lm_eval a benchmark's task names; None for one of ours.

    Raises UsageError for `NAME@lm_eval` of a task that has no counterpart there.
    """
    if task.startswith(PREFIX):
        return task.removeprefix(PREFIX)
    if not task.endswith(SUFFIX):
        return None
    ours = load_task(task.removesuffix(SUFFIX))
    if ours.lm_eval is None:
        raise UsageError(f"{task}: lm_eval has no such task; --task {PREFIX}NAME names any that it has")
    return ours.lm_eval


def load_harness(
    name: str, *, data: Path | None = None, shots: int | None = None, max_questions: int | None = None
) -> Harness:
    """Load a task or group of lm_eval with its data; of each task at most `max_questions` are drawn.

    data: a folder with its data sets (see `datasets_below`); None: the Hub's. Raises UsageError for an unknown name,
    with the nearest one, and InputError when its data cannot be read or it has no right and wrong answers.
    """
    from hanhua.eval.tasks.harness import quiet_lm_eval
    from hanhua.eval.tasks.lm_eval_data import datasets_below

    manager = _manager()
    if name not in manager.task_index:
        near = difflib.get_close_matches(name, list(manager.task_index), n=3, cutoff=0.5)
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        raise UsageError(f"lm_eval {version('lm_eval')} has no task {name!r}{hint}; `lm_eval ls tasks` lists all")
    try:
        with quiet_lm_eval(), datasets_below(data):
            loaded = manager.load([name])
    except InputError:
        raise
    except Exception as error:  # a task may run any code, and data sets raise what they like
        raise InputError(f"lm_eval's task {name}: its data cannot be read ({type(error).__name__}: {error})") from error
    tasks = loaded["tasks"]
    for task_name, task in tasks.items():
        _require_answers(task_name, task)
        if shots is not None:
            task.set_config(key="num_fewshot", value=shots)
    samples = None if max_questions is None else {n: _drawn(n, t, max_questions) for n, t in tasks.items()}
    return Harness(name, loaded, samples, shots=max(int(t.config.num_fewshot or 0) for t in tasks.values()))


def harness_task(harness: Harness, *, name: str) -> Task:
    """Return what scores say of a task of lm_eval, in the form of one of ours."""
    first = next(iter(harness.tasks.values()))
    items = list(harness_items(harness, limit=4))
    kind: Kind = "written" if first.OUTPUT_TYPE == "generate_until" else _choice_kind(items)
    metadata = first.config.metadata or {}
    hubs = {str(task.DATASET_PATH) for task in harness.tasks.values()}
    return Task(
        name=name,
        title=f"{harness.name} of lm_eval {version('lm_eval')}",
        language="zh" if any(map(is_han, items[0].context)) else "en",
        kind=kind,
        data=Rows(hub=hubs.pop() if len(hubs) == 1 else None),
        prompt=Prompt(version=f"lm_eval-{harness.name}-{metadata.get('version', '?')}", question="{{ question }}"),
    )


def harness_items(harness: Harness, *, limit: int | None = None) -> Iterator[Item]:
    """Yield the questions as lm_eval words them, without its examples: what is asked, for hashes and contamination."""
    for name, task in harness.tasks.items():
        wanted = None if harness.samples is None else set(harness.samples[name])
        for number, document in enumerate(task.eval_docs):
            if limit is not None and number >= limit:
                break
            if wanted is None or number in wanted:
                yield _item(name, number, task, document)


def _item(name: str, number: int, task: Any, document: Any) -> Item:
    context = task.doc_to_text(document)
    options: tuple[str, ...] = ()
    if task.OUTPUT_TYPE == "multiple_choice":
        options = tuple(map(str, task.doc_to_choice(document)))
    # Of some (WinoGrande) the options stand before the question; the text is then an index.
    question = context if isinstance(context, str) else repr(document)
    return Item(f"{name}#{number}", name, str(question), options, -1, (), question="\n".join((str(question), *options)))


def _choice_kind(items: list[Item]) -> Kind:
    letters = all(re.fullmatch(r"[ (]?[A-J][).]?", option) for item in items for option in item.options)
    return "letters" if letters else "cloze"


def _drawn(name: str, task: Any, max_questions: int) -> list[int]:
    count = len(task.eval_docs)
    ranked = sorted(range(count), key=lambda number: hashlib.sha256(f"{name}#{number}".encode()).digest())
    return sorted(ranked[:max_questions])


def _require_answers(name: str, task: Any) -> None:
    if task.OUTPUT_TYPE not in ("multiple_choice", "generate_until"):
        raise InputError(
            f"lm_eval's task {name} measures likelihoods ({task.OUTPUT_TYPE}), not answers; "
            "bits per character of a text are measured with --corpus"
        )
    if getattr(task, "UNSAFE_CODE", False):
        raise InputError(f"lm_eval's task {name} runs code that a model writes, which is not done here")


@cache
def _manager() -> Any:
    from lm_eval.tasks import TaskManager

    from hanhua.eval.tasks.harness import quiet_lm_eval

    with quiet_lm_eval():
        return TaskManager()
