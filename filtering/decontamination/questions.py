"""Questions out of benchmark files, whatever their fields are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.documents.hub_sets import read_hub_set
from hanhua.documents.places import expand_paths
from hanhua.documents.readers import read_fields
from hanhua.errors import InputError
from hanhua.hub_questions import HubQuestions
from hanhua.model_scope import fetched_files, is_modelscope
from hanhua.progress import say

# What is about a question, and is no part of it.
_NOT_TEXT = frozenset(
    [
        "",  # the row numbers of a CSV written by pandas
        "id",
        "idx",
        "index",
        "subject",
        "category",
        "type",
        "level",
        "split",
        "source",
        "url",
        "year",
        "answer",
        "answers",
        "label",
        "gold",
        "target",
        "rationale",
        "explanation",
        "analysis",
        "solution",
        "score",
        "language",
        "task",
        "name",
        "equation_solution",
        "answer_number",
    ]
)
_LETTERS = "ABCDEFGHIJ"
_OPTIONS = frozenset(
    ["a", "b", "c", "d", "e", "f", "g", "options", "choices", "choice1", "choice2", "choice3", "choice4", "candidates"]
)


@dataclass(frozen=True)
class Question:
    """One question: `file#record`, its own text, and its options."""

    place: str
    stem: str
    options: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """The question as it is printed, its options after their letters."""
        return " ".join(
            [self.stem, *(f"{letter}. {text}" for letter, text in zip(_LETTERS, self.options, strict=False))]
        )


def read_questions(path: str) -> Iterator[Question]:
    """Yield the questions of a file, or of all files of a folder; InputError when it holds none.

    A question is all text of a record but its options and what is about it: number, subject, answer, explanation.
    Answers count only as options: one letter says nothing. A record with a list of records is replaced by those.
    """
    found, path = False, fetched_files(path) if is_modelscope(path) else path
    for file in expand_paths(path):
        for number, fields in _records(file, skip=Path(path).is_dir()):
            inner = _inner_records(fields)
            for at, record in enumerate(inner):
                place = f"{_label(path, file)}#{number}" + (f".{at}" if len(inner) > 1 else "")
                question = _question(place, record)
                if question.stem or question.options:
                    found = True
                    yield question
    if not found:
        raise InputError(f"{path}: no question found; is it a benchmark?")


def read_hub_questions(hub: HubQuestions) -> Iterator[Question]:
    """Yield the questions of a data set of the Hub; InputError when it holds none or cannot be read."""
    found = False
    try:
        rows = read_hub_set(hub.repo, configs=hub.configs, split=hub.split, revisions=hub.revisions)
        for number, (repo, config, fields) in enumerate(rows):
            for record in _inner_records(fields):
                question = _question(f"{repo}:{config}:{hub.split}#{number}", record)
                if question.stem or question.options:
                    found = True
                    yield question
    except (OSError, ValueError, RuntimeError) as error:  # what datasets raises for a set that is not there
        raise InputError(f"{hub.repo}: its questions cannot be read from the Hub ({error})") from error
    if not found:
        raise InputError(f"{hub.repo}: no question found; is it a benchmark?")


def _records(file: Path, *, skip: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the records of a file; in a folder, one that cannot be read is reported and skipped."""
    try:
        yield from read_fields(file, on_broken=lambda place, problem: None)
    except InputError as error:
        if not skip:
            raise
        say(f"benchmarks: skipped {error}")


def _inner_records(fields: dict[str, Any]) -> list[dict[str, Any]]:
    for value in fields.values():
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            return value
    return [fields]


def _label(path: str, file: Path) -> str:
    root = Path(path)
    return f"{root.name}/{file.relative_to(root).as_posix()}" if root.is_dir() else file.name


def _question(place: str, fields: dict[str, Any]) -> Question:
    stem: list[str] = []
    options: list[str] = []
    for name, value in fields.items():
        key = str(name).strip().lower()
        if key not in _NOT_TEXT:
            (options if key in _OPTIONS else stem).extend(_texts(value))
    return Question(place, " ".join(stem), tuple(options))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
