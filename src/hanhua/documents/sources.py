"""A corpus as a recipe names it: where its files are, what language, how much of it, under which license."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hanhua.config_fields import LocalPath
from hanhua.documents.readers import HUB_PREFIX, expand_paths


class CorpusConfig(BaseModel):
    """One corpus of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: LocalPath = Field(
        description="File, folder, glob, or hf://datasets/ID[@REVISION][:CONFIG]; relative paths start at the recipe"
    )
    language: Literal["zh", "en", "other"] = Field("zh", description="What the text is meant to be")
    weight: float = Field(1.0, ge=0, description="Share of the training mixture, relative to the other corpora")
    license: str = Field("", description="License of the texts; an empty one blocks a public commercial release")
    text_field: str = Field("text", description="Field of a record that holds its text")
    split: str = Field("train", description="Split of a Hub data set")
    max_documents: int | None = Field(
        None, ge=1, description="Read only the first so many documents; null: all of them (a Hub set may be terabytes)"
    )

    def sources(self) -> list[str]:
        """Return the files (or the one Hub data set) behind `path`, sorted."""
        if self.path.startswith(HUB_PREFIX):
            return [self.path]
        return [str(path) for path in expand_paths(self.path)]

    def files(self) -> list[Path]:
        """Return the local files behind `path`; none for a Hub data set."""
        return [Path(source) for source in self.sources() if not source.startswith(HUB_PREFIX)]
