"""What a release tells of synthetic text: the share of each form, who wrote it, and what the teacher's license asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hanhua.artifacts.manifest import Artifact
from hanhua.documents.corpus import SYNTHETIC_PREFIX
from hanhua.errors import InputError
from hanhua.progress import say
from hanhua.release.job import ReleaseJob
from hanhua.release.licenses import Duty
from hanhua.services import Services

KIND = "enlarged_corpus"
"""The kind of the artifact that holds synthetic text."""
PROMINENT_CHARACTERS = 1500


@dataclass(frozen=True)
class Teacher:
    """A model whose answers were trained on, and what its license asks of who publishes the student."""

    model: str
    revision: str
    license: str
    name_start: str
    built_with: str
    source: str


def teachers_of(job: ReleaseJob, inputs: Mapping[str, Artifact], services: Services) -> list[Teacher]:
    """Return who taught the model. Raises InputError where a license forbids it, or nobody knows whether it does.

    A toy model is handed to nobody, so that of its teacher only a line is told.
    """
    found = inputs[KIND].facts.get("teacher") if KIND in inputs else None
    if not found or services.teachers is None:
        return []
    student = job.base_name if job.base_family is None else f"llama-{job.base_family}"
    verdict = services.teachers.verdict(found["model"], student=student, license_name=found.get("license") or None)
    if not verdict.allowed:
        if not job.toy:
            raise InputError(f"not to be released: {verdict.reason}")
        say(f"release: of a real model this would be refused: {verdict.reason}")
    shown = (verdict.license, verdict.name_start, verdict.built_with, verdict.source)
    return [Teacher(found["model"], found.get("revision") or "", *shown)]


def as_facts(teachers: Sequence[Teacher]) -> list[dict[str, str]]:
    """Return teachers as a release's manifest keeps them."""
    return [asdict(teacher) for teacher in teachers]


def teacher_duties(teachers: Sequence[Mapping[str, str]], *, name: str, card: str) -> list[Duty]:
    """Check what the licenses of teachers ask; teachers: as `as_facts` gives them. card: the text of README.md."""
    duties = []
    for one in teachers:
        start, said = one["name_start"], one["built_with"]
        if start:
            met = name.replace("-", " ").startswith(start.replace("-", " "))
            remedy = f"{name!r} must begin with {start!r}, for it learned from {one['model']} ({one['source']})"
            duties.append(Duty("name by the teacher", met, remedy))
        if said:
            top = card.split("\n---\n", 1)[-1][:PROMINENT_CHARACTERS]
            remedy = f"README.md must open with “{said}”, for {one['model']} taught it; make the release again"
            duties.append(Duty("built with the teacher", said in top, remedy))
    return duties


def synthetic_rows(facts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return a row per form: documents, characters, its share of the training tokens where there was training."""
    counted = facts.get(KIND, {}).get("synthetic") or {}
    trained = facts.get("adapted", {}).get("corpora") or {}
    rows = []
    for name, one in sorted(counted.items()):
        share = trained.get(name, {}).get("share")
        rows.append(
            {
                "form": name.removeprefix(SYNTHETIC_PREFIX),
                "documents": f"{one['documents']:,}",
                "characters": f"{one['characters']:,}",
                "share": "–" if share is None else f"{share:.1%}",
            }
        )
    return rows


def synthetic_share(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the share of the training tokens that is synthetic; – without training."""
    trained = facts.get("adapted", {}).get("corpora") or {}
    shares = [float(one.get("share", 0)) for name, one in trained.items() if name.startswith(SYNTHETIC_PREFIX)]
    return f"{sum(shares):.1%}" if trained else "–"
