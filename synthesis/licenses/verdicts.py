"""The verdict on a teacher's license for a student: the table of `teachers.yaml`, read once.

Not a lawyer's word: a row says which sentence of which text it follows, and what it does not know, it asks.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.config_fields import Section
from hanhua.services import TeacherVerdict

TABLE = Path(__file__).parent / "teachers.yaml"
OWN_AGREEMENT = "own-agreement"
"""What a recipe says as the license of a teacher whose provider has allowed the use in writing."""
OPEN = ("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "openrail-free")
"""Licenses that say nothing of outputs, for a teacher that no row knows."""
_FAMILIES = (
    ("llama-4", r"llama[-_ ]?4"),
    ("llama-3.1", r"llama[-_ ]?3[._]1"),
    ("llama-3.2", r"llama[-_ ]?3[._]2"),
    ("llama-3.3", r"llama[-_ ]?3[._]3"),
    ("llama-3", r"llama[-_ ]?3(?![.\d])"),
    ("llama-2", r"llama[-_ ]?2(?![.\d])"),
    ("qwen", r"qwen"),
    ("gemma", r"gemma"),
    ("hunyuan", r"hunyuan"),
    ("glm-4", r"glm-4(?![.\d])"),
)


class Row(Section):
    """What one license says of students."""

    license: str
    models: tuple[str, ...] = Field(min_length=1)
    said: tuple[str, ...] = ()
    students: Literal["any"] | tuple[str, ...]
    ask: tuple[str, ...] = ()
    others: Literal["no", "ask"] = "no"
    why: str = ""
    name_start: str = ""
    built_with: str = ""
    source: str = Field(min_length=1)

    def allows(self, family: str) -> bool | None:
        """Return whether a student of a family may learn from it; None where a person must decide."""
        if self.students == "any" or family in self.students:
            return True
        return None if family in self.ask or self.others == "ask" else False


@cache
def rows() -> tuple[Row, ...]:
    """Return the table, in the order in which it is asked."""
    data: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return tuple(Row.model_validate(row) for row in data)


def family_of_student(name: str) -> str:
    """Return the family a student's base belongs to; `other` where its name says none.

    >>> family_of_student("meta-llama/Meta-Llama-3-8B"), family_of_student("Qwen/Qwen2.5-7B")
    ('llama-3', 'qwen')
    """
    if name == "llama3":
        return "llama-3"
    plain = name.rstrip("/").rsplit("/", 1)[-1].lower()
    return next((family for family, pattern in _FAMILIES if re.search(pattern, plain)), "other")


def judge_teacher(teacher: str, *, student: str, license_name: str | None = None) -> TeacherVerdict:
    """Return what the license of a teacher allows for a student.

    teacher, student: names of models, as the endpoint and the recipe know them. license_name: what the recipe says that
    the license is, which counts only for a teacher whose name no row knows, or as `own-agreement`.
    """
    if license_name == OWN_AGREEMENT:
        return TeacherVerdict(True, OWN_AGREEMENT, f"{teacher}: by an agreement of your own with its provider")
    row = _row_of(teacher, license_name or "")
    if row is not None:
        return _verdict(row, teacher, student)
    if (license_name or "").lower() in OPEN:
        reason = f"{teacher}: {license_name}, which says nothing of outputs"
        return TeacherVerdict(True, str(license_name), reason)
    known = f"{license_name!r} is no license whose terms are known here" if license_name else "its license is not known"
    return TeacherVerdict(
        None,
        license_name or "unknown",
        f"{teacher}: {known}: read what it says of outputs that train other models, and say it with "
        f"synthesis.teacher.license ({', '.join(OPEN[:3])} …, or {OWN_AGREEMENT} where its provider agreed to it)",
    )


def _row_of(teacher: str, license_name: str) -> Row | None:
    plain = teacher.rstrip("/").rsplit("/", 1)[-1].lower().replace("_", "-")
    for row in rows():
        if any(re.search(pattern, plain) for pattern in row.models):
            return row
    said = license_name.strip().lower()
    return next((row for row in rows() if said and (said in row.said or said == row.license.lower())), None)


def _verdict(row: Row, teacher: str, student: str) -> TeacherVerdict:
    family = family_of_student(student)
    allowed = row.allows(family)
    if allowed:
        duty = f"; the student's card says “{row.built_with}”" if row.built_with else ""
        duty += f", and its name begins with {row.name_start!r}" if row.name_start else ""
        reason = f"{teacher} ({row.license}) may teach {student}{duty}"
        return TeacherVerdict(True, row.license, reason, row.name_start, row.built_with, row.source)
    said = (
        f"{teacher} ({row.license}) may not teach {student}"
        if allowed is False
        else (f"whether {teacher} ({row.license}) may teach {student}, a person must decide")
    )
    then = f"choose another teacher, or say synthesis.teacher.license: {OWN_AGREEMENT} if its provider agreed to it"
    return TeacherVerdict(allowed, row.license, f"{said}: {row.why} ({row.source}); {then}", source=row.source)


class TeacherTable:
    """The table as a service."""

    def __init__(self) -> None:
        self.fingerprint = fingerprint([row.model_dump() for row in rows()])

    def verdict(self, teacher: str, *, student: str, license_name: str | None = None) -> TeacherVerdict:
        """Judge a teacher; see `judge_teacher`."""
        return judge_teacher(teacher, student=student, license_name=license_name)
