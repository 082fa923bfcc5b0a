"""What a release is made of, as data: a recipe's part of it, with nothing that tells of the machine."""

from __future__ import annotations

import re
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hanhua.artifacts.files import read_json
from hanhua.base_tokenizer import LLAMA3
from hanhua.documents.readers import is_remote
from hanhua.errors import UsageError
from hanhua.figures.audit_figures import read_audit
from hanhua.gguf_location import is_gguf_name, locate_gguf
from hanhua.hub_names import is_hub_id
from hanhua.release.licenses import Family, default_model_name, family_of
from hanhua.stage import RecipeView

TOKENIZER_OF_LLAMA3 = "meta-llama/Meta-Llama-3-8B"
"""Whose tokenizer `llama3` is; all of Llama 3, 3.1, 3.2 and 3.3 have the same tokens."""

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
        return source if is_remote(source) else last_part(source)


class ReleaseJob(BaseModel):
    """Everything that decides a release folder, apart from the artifacts in it."""

    model_config = _STRICT

    name: str
    kind: Literal["model", "adapter", "tokenizer"] = "model"
    model_name: str | None = None
    license_policy: Literal["commercial", "research"] = "commercial"
    max_shard_gigabytes: float = Field(5.0, gt=0)
    base_name: str
    base_family: Family | None
    base_license: str | None = None
    toy: bool = False
    toy_tokenizer: str = LLAMA3
    corpora: tuple[CorpusLine, ...] = ()
    audit: dict[str, Any] | None = None
    labeled_sets: tuple[CorpusLine, ...] = ()

    @field_validator("base_name", "toy_tokenizer")
    @classmethod
    def _tells_of_no_folder(cls, name: str) -> str:
        return name if is_hub_id(name) else last_part(name)

    def key_config(self) -> dict[str, Any]:
        """Return what decides the output; an audit, and sets that classifiers learned from, only where there are."""
        return self.model_dump(exclude={name for name in ("audit", "labeled_sets") if not getattr(self, name)})

    def released_name(self) -> str:
        """Return the model's name on the card."""
        if self.base_family is None:
            return self.model_name or self.name
        return self.model_name or default_model_name(self.name, family=self.base_family, toy=self.toy)


def release_job(recipe: RecipeView) -> ReleaseJob:
    """Return the release a recipe asks for."""
    release, base = recipe.section("release"), recipe.section("base")
    if release is None:
        raise ValueError("this recipe has no release section")
    assert base is not None  # a release has something to release, and that has a base
    settings = release.model_dump()
    settings["audit"] = read_audit(release.audit)
    # A toy model's only Llama material is its tokenizer, and that alone brings the license with it.
    source = base.model or base.tokenizer
    file = locate_gguf(source) if is_gguf_name(source) else None
    named = without_revision(source) if file is None else file.name
    family = settings.pop("base_family", None) or family_of(named)
    if family is None and base.toy is None and file is None and settings["base_license"] is None:
        raise UsageError(
            f"base: {named!r} does not say which Llama 3 it is (3, 3.1, 3.2, 3.3), so the license of a release "
            "is unknown; set release.base_family, or release.base_license if it is no Llama 3"
        )
    return ReleaseJob(
        name=recipe.name,
        **settings,
        base_name="toy" if base.toy is not None else TOKENIZER_OF_LLAMA3 if named == LLAMA3 else named,
        base_family=family or ("3" if base.toy is not None else None),
        toy=base.toy is not None,
        toy_tokenizer=without_revision(base.tokenizer),
        corpora=tuple(
            CorpusLine(
                name=name, license=c.license, language=c.language, source=without_revision(c.path), weight=c.weight
            )
            for name, c in recipe.corpora.items()
        ),
        labeled_sets=_labeled_sets(recipe),
    )


def _labeled_sets(recipe: RecipeView) -> tuple[CorpusLine, ...]:
    """Return the public sets that the filter's own classifiers learned from, as their folders state them."""
    filtering = recipe.section("filtering")
    if filtering is None:
        return ()
    files = [Path(folder) / "classifier.json" for folder in filtering.harm.classifiers]
    stated = [one for file in files for one in read_json(file).get("facts", {}).get("sets", [])]
    return tuple(CorpusLine(name=one["name"], license=one["license"], source=one["name"], weight=1.0) for one in stated)


def without_revision(name: str) -> str:
    """Return a Hub id without the commit it is pinned to; a path stays as it is.

    >>> without_revision("hf://datasets/HuggingFaceFW/fineweb-2@3a1f5c9:cmn_Hani")
    'hf://datasets/HuggingFaceFW/fineweb-2:cmn_Hani'
    """
    is_data = is_remote(name)
    return name if "/" in name and not is_data and Path(name).exists() else re.sub(r"@[^:/]+(?=:|$)", "", name)


def last_part(path: str) -> str:
    """Return the last part of a path of any system.

    >>> last_part("/data/texts/zh.jsonl.zst")
    'zh.jsonl.zst'
    """
    name = PureWindowsPath(path).name if "\\" in path else PurePath(path).name
    return name or path
