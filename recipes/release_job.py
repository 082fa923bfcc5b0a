"""What a release is made of, as data: a recipe's part of it, with nothing that tells of the machine."""

from __future__ import annotations

import re
from pathlib import PurePath, PureWindowsPath
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hanhua.base_tokenizer import LLAMA3
from hanhua.documents.readers import HUB_PREFIX
from hanhua.errors import UsageError
from hanhua.recipes.licences import Family, default_model_name, family_of

if TYPE_CHECKING:
    from hanhua.recipes.schema import Recipe

_STRICT = ConfigDict(extra="forbid", frozen=True)


class CorpusLine(BaseModel):
    """One corpus as the card names it. `source` is a file name or a Hub id, never a path."""

    model_config = _STRICT

    name: str
    license: str = ""
    language: str = "zh"
    source: str = ""
    weight: float = Field(1.0, ge=0)

    @field_validator("source")
    @classmethod
    def _tells_of_no_folder(cls, source: str) -> str:
        return source if source.startswith(HUB_PREFIX) else last_part(source)


class ReleaseJob(BaseModel):
    """Everything that decides a release folder, beside the artifacts in it."""

    model_config = _STRICT

    name: str
    model_name: str | None = None
    license_policy: Literal["commercial", "research"] = "commercial"
    max_shard_gigabytes: float = Field(5.0, gt=0)
    base_name: str
    base_family: Family
    stand_in: bool = False
    stand_in_tokenizer: str = LLAMA3
    corpora: tuple[CorpusLine, ...] = ()

    @field_validator("base_name", "stand_in_tokenizer")
    @classmethod
    def _tells_of_no_folder(cls, name: str) -> str:
        return name if is_hub_id(name) else last_part(name)

    def released_name(self) -> str:
        """Return the model's name on the card."""
        return self.model_name or default_model_name(self.name, family=self.base_family, stand_in=self.stand_in)


def release_job(recipe: Recipe) -> ReleaseJob:
    """Return the release a recipe asks for."""
    if recipe.release is None:
        raise ValueError("this recipe has no release section")
    base = recipe.base
    settings = recipe.release.model_dump()
    # A stand-in's only Llama material is its tokenizer, and that alone brings the licence with it.
    family = settings.pop("base_family", None) or family_of(base.model or base.tokenizer)
    if family is None and base.stand_in is None:
        raise UsageError(
            f"base.model: {base.model!r} does not say which Llama 3 it is (3, 3.1, 3.2, 3.3), so the licence a release "
            "falls under is unknown; use a Hub id or a folder named like Meta-Llama-3-8B, or leave `release` out"
        )
    return ReleaseJob(
        name=recipe.name,
        **settings,
        base_name=base.model or "stand-in",
        base_family=family or "3",
        stand_in=base.stand_in is not None,
        stand_in_tokenizer=base.tokenizer,
        corpora=tuple(
            CorpusLine(name=name, license=c.license, language=c.language, source=c.path, weight=c.weight)
            for name, c in recipe.corpora.items()
        ),
    )


def last_part(path: str) -> str:
    """Return the last part of a path of any system.

    >>> last_part("/data/texts/zh.jsonl.zst")
    'zh.jsonl.zst'
    """
    name = PureWindowsPath(path).name if "\\" in path else PurePath(path).name
    return name or path


def is_hub_id(name: str) -> bool:
    """Return whether a name has the form of a Hub id, OWNER/NAME."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name) is not None
