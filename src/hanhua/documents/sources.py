"""A recipe's settings of a corpus: files, language, share of the mixture, license."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hanhua.config_fields import LocalPath
from hanhua.documents.places import expand_paths
from hanhua.documents.readers import is_remote


class CorpusConfig(BaseModel):
    """One corpus of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: LocalPath = Field(
        description="File, folder, glob, hf://datasets/ID[@REVISION][:CONFIG] or ms://OWNER/NAME[@REVISION][:FILES]; "
        "relative paths start at the recipe"
    )
    language: Literal["zh", "en", "other"] = Field("zh", description="Language of the corpus")
    weight: float = Field(1.0, ge=0, description="Share of the training mixture, relative to the other corpora")
    license: str = Field("", description="License of the texts; if empty, a public commercial release is blocked")
    text_field: str = Field(
        "text",
        description="Field of a record that holds its text; or a template of several, {instruction}\\n{output}, "
        "template:alpaca, template:sharegpt or template:messages",
    )
    split: str = Field("train", description="Split to read of a Hub data set, or of a folder that save_to_disk wrote")
    max_documents: int | None = Field(
        None, ge=1, description="Read only the first N documents; null: all (a Hub data set may be terabytes)"
    )

    def sources(self) -> list[str]:
        """Return the files (or the one Hub data set) that `path` names, sorted."""
        if is_remote(self.path):
            return [self.path]
        return [str(path) for path in expand_paths(self.path, split=self.split)]

    def files(self) -> list[Path]:
        """Return the local files that `path` names; none for a Hub data set."""
        return [Path(source) for source in self.sources() if not is_remote(source)]
