"""A stage of somebody else's: its declaration, its config and its function in one module of a test folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hanhua.artifacts.manifest import Artifact
from hanhua.documents import read_corpus
from hanhua.figures.headline import Row
from hanhua.services import Services
from hanhua.stage import Input, Stage


class WordCount(BaseModel):
    """What it can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: str = Field(description="The word that is counted")


def count_word(config: WordCount, inputs: Mapping[str, Artifact], out: Path, *, services: Services) -> dict[str, Any]:
    """Count a word in the train split."""
    found = sum(document.text.count(config.word) for document in read_corpus(inputs["corpus"].path, split="train"))
    (out / "count.txt").write_text(str(found), encoding="utf-8")
    return {"word": config.word, "found": found, "masks": services.masker is not None}


def rows(artifact: Artifact) -> Iterator[Row]:
    """Return what it adds to the headline."""
    yield Row(f"times {artifact.facts['word']}", "number", {"corpus": float(artifact.facts["found"])})


STAGE = Stage(
    name="word_count",
    makes="count",
    section=WordCount,
    function="word_count:count_word",
    output_version=1,
    inputs=(Input("corpus"),),
    services=("masker",),
    headline="word_count:rows",
)
