"""The recipe of a comparison: one base, texts, arms as changes of common settings. Imports nothing heavy.

Every arm trains on the same documents, once: the budget is bytes of text, whatever the vocabulary makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from hanhua.config_fields import LocalPath, LocalPathOrHub, Section
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.resize.config import ResizeConfig

DECIDED = ("max_tokens", "epochs", "weights", "seed", "retention", "continue_from", "merge", "chat_corpora")
"""Settings of training that the comparison decides itself, so that all arms see the same bytes."""
Language = Literal["zh", "en", "code"]
LANGUAGES: tuple[Language, ...] = ("zh", "en", "code")
_Config = TypeVar("_Config", bound=BaseModel)
PLACEBO = "placebo-"
"""Begins the names of placebo arms, and of no other."""
PLACEBO_SEEDS = 1000
"""Added to a seed, this is the seed of its twin."""


class TextSettings(Section):
    """Documents of one kind: what the base learns from, what all arms train on, what is held out."""

    path: LocalPath = Field(description="File of texts, as a corpus of a recipe")
    language: Language = Field(default="zh", description="What it is judged as")
    text_field: str = Field(default="text", description="Field of a record that holds its text")
    base_bytes: int = Field(default=0, ge=0, description="UTF-8 bytes the base is trained on, before any arm")
    train_bytes: int = Field(default=0, ge=0, description="UTF-8 bytes every arm trains on; 0: it is only measured")
    heldout_documents: int = Field(default=40, ge=0, description="Documents that are measured, none of them trained on")


class ScratchSettings(Section):
    """A base made from nothing, whose vocabulary spells Chinese in bytes and single characters."""

    characters: int = Field(
        default=3000, ge=0, description="Most frequent Han characters, each with a token of its own"
    )
    other_tokens: int = Field(default=1500, ge=0, description="Tokens of what is not Han, learned by BPE")
    hidden_size: int = Field(default=128, ge=8, description="Width of the hidden states")
    layers: int = Field(default=4, ge=1, description="Number of decoder layers")
    heads: int = Field(default=4, ge=1, description="Number of attention heads")
    kv_heads: int = Field(default=2, ge=1, description="Number of key/value heads")
    seed: int = Field(default=0, ge=0, description="Random seed of the weights")


class BaseSettings(Section):
    """The model that every arm begins with."""

    model: LocalPathOrHub | None = Field(
        default=None,
        description="Llama model, as base.model of a recipe: a folder, a Hub id, a *.gguf file or package:NAME",
    )
    scratch: ScratchSettings | None = Field(default=None, description="A base made here instead of `model`")
    training: ContinuedPretrainConfig | None = Field(
        default=None, description="How it learns the texts' base_bytes before any arm; null: as it comes"
    )

    @model_validator(mode="after")
    def _check(self) -> BaseSettings:
        if (self.model is None) == (self.scratch is None):
            raise ValueError("give either `model` (a folder, Hub id or GGUF file) or `scratch`, not both")
        return self


class ArmSettings(Section):
    """One arm: what it changes of the common settings."""

    about: str = Field(default="", description="What is tried, and who found it")
    extend: bool = Field(default=True, description="Whether its vocabulary is extended")
    vocab_extension: dict[str, Any] = Field(default_factory=dict, description="Changed keys of vocab_extension")
    resize: dict[str, Any] = Field(default_factory=dict, description="Changed keys of resize")
    continued_pretrain: dict[str, Any] = Field(default_factory=dict, description="Changed keys of continued_pretrain")


class EvidenceRecipe(Section):
    """A comparison as it is preregistered."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$", description="Name of the comparison, and of its folder")
    hypothesis: str = Field(min_length=1, description="What is claimed, so that the outcome can contradict it")
    base: BaseSettings
    texts: dict[str, TextSettings] = Field(min_length=1)
    vocab_extension: VocabExtensionConfig = VocabExtensionConfig()
    resize: ResizeConfig = ResizeConfig()
    continued_pretrain: ContinuedPretrainConfig = ContinuedPretrainConfig()
    arms: dict[str, ArmSettings] = Field(min_length=1)
    reference: str = Field(description="Arm that all others are compared with: the one without an extension")
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1, description="Every arm is run with each of them")
    margins: dict[Language, float] = Field(
        default={"zh": 0.0, "en": 0.005, "code": 0.005},
        description="Most bits per byte, as a share of the reference's, that an arm may lose and count as not worse",
    )
    stopping: Literal["all"] = Field(
        default="all", description="When it is judged: once, after every arm has finished with every seed"
    )
    placebos: bool = Field(default=True, description="Arms that must show no difference; without them nothing is shown")
    piece_characters: int = Field(
        default=2000, ge=50, description="Longer documents are cut at line ends to about this"
    )
    heldout_of: int = Field(default=10, ge=2, description="One document in so many is kept from training")
    context_tokens: int = Field(default=512, ge=8, description="Tokens of context when held-out text is measured")
    curve_points: int = Field(default=6, ge=1, description="Measurements along each run, for its curve")
    curve_bytes: int = Field(default=6000, ge=256, description="Bytes of each held-out text that a curve measures")
    truncated_prompts: int = Field(default=100, ge=0, description="Prompts cut between Han characters; 0: none")
    generated_prompts: int = Field(default=0, ge=0, description="Beginnings of held-out texts that are continued")
    generated_tokens: int = Field(default=64, ge=1, description="Most tokens of a continuation")
    resamples: int = Field(default=4000, ge=100, description="Draws of a bootstrap")

    @model_validator(mode="after")
    def _check(self) -> EvidenceRecipe:
        for name in (*self.arms, *self.texts):
            if not re.fullmatch(r"\w[\w. +-]*", name) or name.startswith(PLACEBO):
                raise ValueError(f"{name!r} cannot be the name of an arm or text: letters, digits, spaces and . + - _")
        if self.reference not in self.arms:
            raise ValueError(f"reference {self.reference!r} is none of the arms: {', '.join(self.arms)}")
        if self.arms[self.reference].extend:
            raise ValueError(f"the reference {self.reference!r} extends the vocabulary; give it extend: false")
        if len(set(self.seeds)) != len(self.seeds) or max(self.seeds) >= PLACEBO_SEEDS or min(self.seeds) < 0:
            raise ValueError(f"seeds are different numbers from 0 to {PLACEBO_SEEDS - 1}")
        if self.placebos and len(self.seeds) < 2:
            raise ValueError("placebos need two seeds or more: one alone does not show how far seeds lie apart")
        if not any(text.train_bytes for text in self.texts.values()):
            raise ValueError("no text has train_bytes, so there is nothing to train on")
        if not any(t.heldout_documents >= 2 and t.language == "zh" for t in self.texts.values()):
            raise ValueError("no Chinese text has two held-out documents or more, so there is nothing to judge")
        self._check_arms()
        return self

    def _check_arms(self) -> None:
        for name, arm in self.arms.items():
            needing = _needs_new_tokens(self.training_of(name, self.seeds[0]))
            if needing is not None and not arm.extend:
                raise ValueError(f"arms.{name} has no new tokens (extend: false), and {needing} needs them")
            self.tokens_of(name)
            self.rows_of(name)

    def training_of(self, arm: str, seed: int) -> ContinuedPretrainConfig:
        """Return how an arm trains; ValueError for a setting that the comparison decides."""
        changes = self.arms[arm].continued_pretrain
        if taken := [name for name in DECIDED if name in changes]:
            raise ValueError(f"arms.{arm}.continued_pretrain.{taken[0]}: the comparison decides it, alike for all arms")
        return _changed(ContinuedPretrainConfig, self.continued_pretrain, {**changes, "seed": seed}, f"arms.{arm}")

    def tokens_of(self, arm: str) -> VocabExtensionConfig:
        """Return what an arm learns its tokens by."""
        return _changed(VocabExtensionConfig, self.vocab_extension, self.arms[arm].vocab_extension, f"arms.{arm}")

    def rows_of(self, arm: str) -> ResizeConfig:
        """Return how an arm's new rows begin."""
        return _changed(ResizeConfig, self.resize, self.arms[arm].resize, f"arms.{arm}")

    def texts_of(self, language: Language) -> list[str]:
        """Return the names of the texts of one language that are measured."""
        return [name for name, text in self.texts.items() if text.language == language and text.heldout_documents >= 2]


def _needs_new_tokens(config: ContinuedPretrainConfig) -> str | None:
    """Return a setting of training that is about new tokens, or None."""
    rows_alone = config.mode == "new_embeddings" or any(p.trainable == "new_embeddings" for p in config.phases)
    found = {
        "old_segmentation": config.old_segmentation is not None,
        "row_distillation": config.row_distillation is not None,
        "self_distillation": config.self_distillation is not None,
        "trainable: new_embeddings": rows_alone,
    }
    return next((name for name, needed in found.items() if needed), None)


def _changed(kind: type[_Config], common: _Config, changes: Mapping[str, Any], place: str) -> _Config:
    merged = _merged(common.model_dump(mode="json"), changes)
    try:
        return kind.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(below)
    for key, value in above.items():
        both = isinstance(out.get(key), dict) and isinstance(value, dict)
        out[key] = _merged(out[key], value) if both else deepcopy(value)
    return out
