"""What is kept, as documents of a Corpus: each says of which source, form, prompt, teacher and seed it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hanhua.artifacts.store import link_or_copy
from hanhua.documents.corpus import SYNTHETIC_PREFIX, Document, write_corpus
from hanhua.synthesis.ledger.records import Entry
from hanhua.synthesis.request import Request
from hanhua.synthesis.settings import TeacherSettings
from hanhua.zh_text.scripts import chinese_script

PARTS = "part-synthetic-"
"""Of the names of their files; they are read behind those of the Corpus."""


def corpus_name(kind: str) -> str:
    """Return the name of the corpus that holds a kind of form: its share of the mixture is set by it."""
    return SYNTHETIC_PREFIX + kind


def document_id(request: Request) -> str:
    """Return the id of what a request gives, unique in the Corpus."""
    return f"{corpus_name(request.form.kind)}:{request.seed.id}#{request.seed.section}#{request.form.name}"


def make_document(request: Request, entry: Entry, text: str, teacher: TeacherSettings) -> Document:
    """Return what is trained on. It is of the train split, as its seed is; its license is the seed's."""
    return Document(
        id=document_id(request),
        text=text,
        corpus=corpus_name(request.form.kind),
        source=request.form.name,
        language="zh",
        script=chinese_script(text),
        license=request.seed.license,
        split="train",
        provenance=provenance(request, entry, teacher),
    )


def provenance(request: Request, entry: Entry, teacher: TeacherSettings) -> dict[str, Any]:
    """Return where a document comes from, as plain data; nothing of the machine or the address that served it."""
    parameters = {name: value for name, value in request.body.items() if name not in ("model", "messages", "seed")}
    return {
        "source_id": request.seed.id,
        "source_section": request.seed.section,
        "source_corpus": request.seed.corpus,
        "source_license": request.seed.license,
        "form": request.form.name,
        "form_version": request.form.version,
        "prompt_hash": request.prompt_hash,
        "request": request.key,
        "teacher": teacher.model,
        "teacher_revision": teacher.revision,
        "teacher_license": teacher.license,
        "served_model": Path(entry.model).name,
        "engine": entry.engine,
        "parameters": parameters,
        "seed": request.body.get("seed"),
    }


def write_enlarged(corpus: Path, documents: Iterable[Document], out: Path) -> int:
    """Write the Corpus and the synthetic documents behind it into `out`; return how many these are.

    The Corpus's own files are links to the same bytes where the disk allows.
    """
    for part in sorted(corpus.glob("part-*.jsonl.zst")):
        (out / part.name).unlink(missing_ok=True)
        link_or_copy(part, out / part.name)
    aside = out / "work" / "documents"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    written = write_corpus(aside, documents)
    for part in sorted(aside.glob("part-*.jsonl.zst")):
        part.replace(out / part.name.replace("part-", PARTS, 1))
    return written
