"""Four-option questions out of local files, checked before any model is loaded. No torch."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.documents import read_records
from hanhua.documents.compression import bare_suffix, open_decompressed
from hanhua.errors import InputError

LETTERS = ("A", "B", "C", "D")
COLUMNS = ("question", *LETTERS, "answer")
SUFFIXES = (".jsonl", ".json", ".csv")
_SPLIT_SUFFIX = re.compile(r"_(dev|val|test|validation)$")


@dataclass(frozen=True)
class Question:
    """One question; `answer` is the index of the right option, 0 to 3."""

    id: str
    subject: str
    question: str
    options: tuple[str, str, str, str]
    answer: int


def read_questions(path: str | Path) -> list[Question]:
    """Read a JSONL or CSV file of questions, or a folder with one such file per subject.

    CSV as CMMLU and C-Eval have it, read by Python's csv so that the option "None" stays text; MMLU's
    has no header. Without a subject column, the file's name is the subject.
    Raises InputError for missing columns, an answer that is not A to D (a split without labels), or no
    question at all, naming file and row.
    """
    files = _question_files(Path(path))
    questions = [question for file in files for question in _read_file(file)]
    if not questions:
        raise InputError(f"{path}: no question in it")
    return questions


def sha256_of_questions(questions: Iterable[Question]) -> str:
    """Return a hash of the questions as read: of what is asked, not of how the file is laid out."""
    digest = hashlib.sha256()
    for question in questions:
        digest.update(repr(question).encode())
    return digest.hexdigest()


def choose_shots(questions: Sequence[Question], solved: Sequence[Question], *, shots: int, path: str) -> Shots:
    """Decide where the solved examples of each subject come from.

    A subject's own when the file has at least `shots` for every subject asked; otherwise the file's
    first ones, for all alike. Raises InputError when the file has too few.
    """
    subjects = sorted({question.subject for question in questions})
    if shots == 0:
        return Shots("none", dict.fromkeys(subjects, ()))
    own = {subject: [q for q in solved if q.subject == subject][:shots] for subject in subjects}
    if all(len(examples) == shots for examples in own.values()):
        return Shots("subject", {subject: tuple(examples) for subject, examples in own.items()})
    if len(solved) < shots:
        raise InputError(f"{path}: {len(solved)} solved examples, where {shots} shots were asked for")
    return Shots("file", dict.fromkeys(subjects, tuple(solved[:shots])))


@dataclass(frozen=True)
class Shots:
    """Solved examples by subject, and where they are from: `subject`, `file` or `none`."""

    origin: str
    by_subject: dict[str, tuple[Question, ...]]


def _question_files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        if bare_suffix(path) not in SUFFIXES:
            raise InputError(f"{path}: questions are read from {', '.join(SUFFIXES)} files")
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and bare_suffix(file) in SUFFIXES)
    if not files:
        raise InputError(f"{path}: no {', '.join(SUFFIXES)} file in this folder")
    return files


def _read_file(path: Path) -> Iterator[Question]:
    rows = _csv_rows(path) if bare_suffix(path) == ".csv" else _json_rows(path)
    stem = path.name.split(".")[0]
    subject = _SPLIT_SUFFIX.sub("", stem)
    found = False
    for number, row in rows:
        found = True
        yield _question(row, place=f"{path}#{number}", subject=subject, id_=f"{stem}#{number}")
    if not found:
        raise InputError(f"{path}: no question in it")


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for record in read_records(path, text_field="question"):
        yield record.number, _by_column({"question": record.text, **record.fields})


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_decompressed(path) as file:
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 (byte {error.start})") from None
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    first = [cell.strip().lower() for cell in rows[0]] if rows else []
    if len(first) == len(COLUMNS) and first[-1].upper() in LETTERS and "question" not in first:
        header = list(COLUMNS)  # MMLU's files begin with the first question
    else:
        header = rows.pop(0) if rows else []
    for number, row in enumerate(rows):
        yield number, _by_column(dict(zip(header, row, strict=False)))


def _by_column(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row under our column names, whatever case the file writes them in (`Question`, `a`)."""
    ours = {name.lower(): name for name in (*COLUMNS, "id", "subject")}
    return {ours.get(str(name).strip().lower(), str(name)): value for name, value in row.items()}


def _question(row: dict[str, Any], *, place: str, subject: str, id_: str) -> Question:
    missing = [name for name in COLUMNS if name not in row and name != "answer"]
    if missing:
        found = ", ".join(name or "(unnamed)" for name in row)
        raise InputError(f"{place}: no column {', '.join(missing)}; found {found}; expected {', '.join(COLUMNS)}")
    answer = str(row.get("answer") or "").strip().upper()
    if not answer:
        raise InputError(f"{place}: no answer; a split without labels cannot be scored, use val or dev")
    if answer not in LETTERS:
        raise InputError(f"{place}: the answer is {row['answer']!r}, where one of {', '.join(LETTERS)} was expected")
    text = str(row["question"]).strip()
    if not text:
        raise InputError(f"{place}: the question is empty")
    a, b, c, d = (_option(row[letter], place, letter) for letter in LETTERS)
    named = row.get("subject")
    return Question(
        id=str(row["id"]) if row.get("id") not in (None, "") else id_,
        subject=str(named) if named else subject,
        question=text,
        options=(a, b, c, d),
        answer=LETTERS.index(answer),
    )


def _option(value: Any, place: str, letter: str) -> str:
    if value is None or isinstance(value, (dict, list)):
        raise InputError(f"{place}: option {letter} is {value!r}, where text was expected")
    return str(value).strip()
