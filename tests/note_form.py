"""A small Corpus, a form that asks for little, and settings for the loopback teacher."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loopback_teacher import digest
from repository import QUICKSTART

from hanhua.documents import Document
from hanhua.documents.corpus import write_corpus
from hanhua.synthesis.settings import AskingSettings, SynthesisConfig, TeacherSettings

NOTE = """\
title: 札记
shape: prose
faithful: false
audiences: false
max_output_tokens: 400
limits: {min_characters: 10}
task: |
  TASK
  {passage}
"""


def write_forms(folder: Path, *, task: str = "写一则札记。") -> Path:
    folder.mkdir(exist_ok=True)
    for name in ("note", "memo"):
        text = NOTE.replace("TASK", f"{task}（{name}）")
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def make_texts(folder: Path, *, count: int = 60) -> Path:
    """Write a Corpus of the quickstart's texts, every tenth of them held out."""
    lines = (QUICKSTART / "zh_hans_a.jsonl").read_text(encoding="utf-8").splitlines()[:count]
    folder.mkdir()
    write_corpus(folder, [_document(number, json.loads(line)["text"]) for number, line in enumerate(lines)])
    return folder


def _document(number: int, text: str) -> Document:
    split = "heldout" if number % 10 == 0 else "train"
    license_name = "Apache-2.0" if number % 2 else "CC-BY-4.0"
    return Document(f"zh:a#{number}", text, "zh", language="zh", license=license_name, split=split)


def note(body: Mapping[str, Any]) -> str:
    """An answer that passes the checks, and that only its request can have got: the last sentences of the passage."""
    passage = body["messages"][-1]["content"].split("\n", 1)[1]
    sentences = passage.replace("\n", "").split("。")
    letters = "".join("甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳"[int(one, 16)] for one in digest(body))
    return f"{letters}先生记：" + "。".join(sentences[-4:-1]) + "。"


def settings(url: str, forms: Path, **more: Any) -> SynthesisConfig:
    asking = {"max_concurrency": 16, "max_wait_seconds": 0.2, "deadline_seconds": 5.0, **more.pop("asking", {})}
    return SynthesisConfig(
        teacher=TeacherSettings(model="loopback", revision="1", license="MIT", base_url=url, **more.pop("teacher", {})),
        forms=("note", "memo"),
        form_folder=str(forms),
        seeds={"min_characters": 50, "max_characters": 250, **more.pop("seeds", {})},
        asking=AskingSettings(**asking),
        **more,
    )
