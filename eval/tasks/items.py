"""Questions made from rows, checked one by one before any model is loaded. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hanhua.errors import InputError
from hanhua.eval.tasks.definition import Rows, Task
from hanhua.eval.tasks.rows import LETTERS, Row, find_files, find_layout, read_files, read_hub, read_labels
from hanhua.progress import say

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    # A JSON null is nothing; the word None, MMLU's answer to some questions, is text.
    finalize=lambda value: "" if value is None else value,
)


@dataclass(frozen=True)
class Item:
    """One question as it is asked: `context` without heading and examples, and what the answer is chosen from.

    options: for `letters` the letters, for `cloze` the texts; none for `written`. answer: the right option's
    index, -1 for `written`; answers: what a written answer is compared with, or the right option's text. question:
    the question and its options alone, as a training text might hold them.
    """

    id: str
    subject: str
    context: str
    options: tuple[str, ...]
    answer: int
    answers: tuple[str, ...]
    question: str = ""


def read_items(
    task: Task,
    rows: Rows,
    *,
    data: Path | None,
    path: str | None = None,
    revisions: Mapping[str, str] = MappingProxyType({}),
) -> list[Item]:
    """Read a task's questions: from `path`, else from its files below `data`, else from the Hub.

    revisions: commits of the Hub's data sets, by their ids. Raises InputError for missing files, columns or
    labels, an empty subject, or no question at all.
    """
    items, left_out = [], 0
    labels = None if rows.labels is None else read_labels(_below(data, rows.labels))
    for row in _rows(task, rows, data=data, path=path, revisions=revisions):
        columns = _named(row.columns)
        if labels is not None:
            columns["answer"] = labels.get(str(columns.get("id")))
        if task.only_if is not None and _render(task.only_if, columns, row).strip() in ("", "0", "False"):
            left_out += 1
            continue
        items.append(_item(task, row, columns))
    if left_out:
        say(f"eval: {task.name}: {left_out} rows left out (their answer is not of the expected kind)")
    if not items:
        raise InputError(f"{path or ' or '.join(rows.layouts) or rows.hub}: no question in it")
    return items


def draw_items(items: Sequence[Item], *, max_questions: int | None) -> list[Item]:
    """Return at most `max_questions` items of each subject, drawn by the hash of their ids, in the order given."""
    if max_questions is None:
        return list(items)
    drawn = set()
    for subject in {item.subject for item in items}:
        own = sorted((hashlib.sha256(i.id.encode()).digest(), n) for n, i in enumerate(items) if i.subject == subject)
        drawn |= {number for _, number in own[:max_questions]}
    return [item for number, item in enumerate(items) if number in drawn]


def has_files(task: Task, data: Path) -> bool:
    """Return whether a task's files are below a folder."""
    try:
        return bool(task.data.layouts) and bool(find_layout(task.data, data))
    except InputError:
        return False


def sha256_of_items(items: Iterable[Item]) -> str:
    """Return a hash of the questions as read: of what is asked, not of how the file is laid out."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(repr(item).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Shots:
    """Solved examples by subject, and where they are from: `subject`, `file` or `none`."""

    origin: str
    by_subject: dict[str, tuple[Item, ...]]


def choose_shots(items: Sequence[Item], solved: Sequence[Item], *, shots: int, path: str) -> Shots:
    """Decide where the solved examples of each subject come from.

    A subject's own when the file has at least `shots` for every subject asked; otherwise the file's
    first ones, for all alike. Raises InputError when the file has too few.
    """
    subjects = sorted({item.subject for item in items})
    if shots == 0:
        return Shots("none", dict.fromkeys(subjects, ()))
    own = {subject: [item for item in solved if item.subject == subject][:shots] for subject in subjects}
    if all(len(examples) == shots for examples in own.values()):
        return Shots("subject", {subject: tuple(examples) for subject, examples in own.items()})
    if len(solved) < shots:
        raise InputError(f"{path}: {len(solved)} solved examples, but {shots} shots are configured")
    return Shots("file", dict.fromkeys(subjects, tuple(solved[:shots])))


def _rows(
    task: Task, rows: Rows, *, data: Path | None, path: str | None, revisions: Mapping[str, str]
) -> Iterator[Row]:
    if path is not None:
        return read_files(find_files(path), rows)
    if rows.files is not None and data is not None:
        return read_files(find_layout(rows, data), rows)
    if rows.hub is not None:
        return read_hub(rows, revisions=revisions)
    raise InputError(f"task {task.name!r} needs data: a folder that holds {' or '.join(rows.layouts)}, or a path")


def _below(data: Path | None, files: str) -> Path:
    return Path(files) if data is None else data / files


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row under our column names too, whatever case the file writes them in (`Question`, `a`)."""
    ours = {name.lower(): name for name in ("question", *LETTERS[:6], "answer", "id", "subject", "choices")}
    renamed = {ours.get(str(name).strip().lower(), str(name)): value for name, value in row.items()}
    return {**row, **renamed, "columns": row}


def _item(task: Task, row: Row, columns: dict[str, Any]) -> Item:
    question = _render(task.question, columns, row).strip()
    if not question:
        raise InputError(f"{row.place}: the question is empty")
    texts = _options(task, row, columns)
    found = {**columns, "question": question, "lettered": _lettered(texts), "options": texts}
    answer, answers = _answer(task, row, columns, texts)
    letters = tuple(task.options_in_question or LETTERS[: len(texts)])
    # A CSV of C-Eval has an id of its own in each subject; file and number tell them apart.
    id_ = f"{row.subject}#{row.number}" if task.id is None else _render(task.id, columns, row)
    named = columns.get("subject") if task.subject is None else _render(task.subject, columns, row)
    return Item(
        id=str(columns["id"]) if task.id is None and _is_name(columns.get("id")) else id_,
        subject=str(named) if named else row.subject,
        context=_render(task.wording.question, found, row),
        options={"letters": letters, "cloze": texts, "written": ()}[task.kind],
        answer=answer,
        answers=answers,
        question="\n".join((question, *texts)),
    )


def _is_name(id_: Any) -> bool:
    return isinstance(id_, str) and not id_.isdigit() and id_ != ""


def _options(task: Task, row: Row, columns: dict[str, Any]) -> tuple[str, ...]:
    if task.kind == "written" or task.options_in_question is not None:
        return ()
    if isinstance(task.options, str):
        texts = [str(value).strip() for value in _list(task.options, columns, row)]
    else:
        texts = [_render(option, columns, row).strip() for option in task.options]
    while texts and texts[-1] in ("", "nan") and len(texts) > 4:
        texts.pop()  # E and F of the few questions that have them
    empty = [LETTERS[n] for n, text in enumerate(texts) if text == ""]
    if empty or len(texts) < 2:
        raise InputError(f"{row.place}: option {', '.join(empty) or 'B'} is empty")
    return tuple(texts)


def _answer(task: Task, row: Row, columns: dict[str, Any], texts: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    if task.answer_as == "texts":
        values = [str(text).strip() for text in _list(task.answer, columns, row) if str(text).strip()]
        if not values:
            raise InputError(f"{row.place}: no answer; a split without labels cannot be scored, use val or dev")
        return -1, tuple(dict.fromkeys(values))
    answer = _label(task, row, columns)
    if task.kind == "written":
        return -1, (answer,)
    names = task.options_in_question or LETTERS[: len(texts)]
    places = {
        "letter": list(names),
        "index": [str(n) for n in range(len(names))],
        "number": [str(n + 1) for n in range(len(names))],
        "text": list(texts),
    }[task.answer_as]
    given = answer.upper() if task.answer_as == "letter" else answer
    if given not in places:
        raise InputError(f"{row.place}: the answer is {answer!r}, where one of {', '.join(places)} was expected")
    index = places.index(given)
    return index, (texts[index] if texts else places[index],)


def _label(task: Task, row: Row, columns: dict[str, Any]) -> str:
    """Return the answer as written; a column that is absent, empty or -1 is a split without labels."""
    try:
        answer = _render(task.answer, columns, row).strip()
    except InputError:
        answer = ""
    if answer in ("", "-1"):
        raise InputError(f"{row.place}: no answer; a split without labels cannot be scored, use val or dev")
    return answer


def _lettered(texts: Sequence[str]) -> str:
    return "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=False))


@cache
def _template(source: str) -> Template:
    try:
        return _ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        raise InputError(f"a task's template is not valid Jinja ({error.message}): {source}") from None


def _render(source: str, columns: dict[str, Any], row: Row) -> str:
    try:
        return _template(source).render(**columns)
    except UndefinedError as error:
        found = ", ".join(str(name) or "(unnamed)" for name in row.columns)
        raise InputError(f"{row.place}: no column for {source!r} ({error}); found {found}") from None


def _list(source: str, columns: dict[str, Any], row: Row) -> list[Any]:
    """Return what a Jinja expression is, not its text: options, or right answers."""
    expression = source.strip().removeprefix("{{").removesuffix("}}").strip()
    try:
        found = _expression(expression)(**columns)
    except UndefinedError:
        found = None
    if not isinstance(found, (list, tuple)):
        raise InputError(f"{row.place}: no column for {source!r} that holds a list; found {', '.join(row.columns)}")
    return list(found)


@cache
def _expression(source: str) -> Any:
    return _ENVIRONMENT.compile_expression(source, undefined_to_none=True)
