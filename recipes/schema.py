"""What a recipe may say: one typed section per stage; unknown keys are refused."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hanhua.continued_pretrain.config import BaseConfig, ContinuedPretrainConfig
from hanhua.documents.sources import CorpusConfig
from hanhua.eval.config import EvalConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.vocab_extension.config import InitialiseConfig, VocabExtensionConfig
from hanhua.vocab_extension.restore.config import RestoreConfig

_STRICT = ConfigDict(extra="forbid", frozen=True)


ReleaseKind = Literal["model", "adapter", "tokenizer"]


class Base(BaseConfig):
    """The model to adapt: a folder or Hub id, or a stand-in; or, for work on the vocabulary alone, only a tokenizer."""

    tokenizer: str = Field(
        default="llama3",
        description="Tokenizer of a stand-in, or of a recipe without a model: llama3, a folder, a Hub id",
    )

    @model_validator(mode="after")
    def _check(self) -> Base:
        if self.model is not None and self.stand_in is not None:
            raise ValueError("give either `model` (a folder or Hub id) or `stand_in`, not both")
        return self

    @property
    def has_model(self) -> bool:
        """Whether there are weights; without, there is a tokenizer only."""
        return self.model is not None or self.stand_in is not None


class HardwareConfig(BaseModel):
    """What the run is meant for. It decides the estimates of `hanhua plan` and the job script, never a result."""

    model_config = _STRICT

    devices: str = Field(
        default="1x80GB",
        pattern=r"^(\d+x)?(\d+GB|cpu)$",
        description="Accelerators by number and memory, 8x80GB or 24GB; or cpu. Eight at most stand in one machine",
    )
    cores: int = Field(default=16, ge=1, description="Processor cores of one machine, for filtering and learning")
    price_per_device_hour: float | None = Field(
        default=None, ge=0, description="US dollars for one device and hour; null: what is usual for such a device"
    )


class ReleaseConfig(BaseModel):
    """The release folder: what is published, and under which duties."""

    model_config = _STRICT

    kind: ReleaseKind = Field(
        default="model",
        description="model: merged weights. adapter: the LoRA adapter, with the resized base it belongs to. tokenizer: "
        "the extended tokenizer alone",
    )
    license_policy: Literal["commercial", "research"] = Field(
        default="commercial",
        description="With commercial, an unlabelled or non-commercial corpus blocks a public release",
    )
    max_shard_gigabytes: float = Field(default=5.0, gt=0, description="Largest size of one weight file")
    base_family: Literal["3", "3.1", "3.2", "3.3"] | None = Field(
        default=None,
        description="Llama version of the base, where its name does not say it: the licence's duties follow",
    )
    model_name: str | None = Field(
        default=None, description="Name on the card; must begin with 'Llama 3' (default: from name)"
    )


class ReportConfig(BaseModel):
    """The HTML report."""

    model_config = _STRICT

    samples_per_reason: int = Field(default=3, ge=0, description="Rejected documents shown for each reason, masked")


class Recipe(BaseModel):
    """One complete run, from corpora to a release folder. A stage that is absent is skipped."""

    model_config = _STRICT

    name: str = Field(description="Name of the run's folder and, by default, of the model")
    base: Base | None = Field(default=None, description="Not needed where a recipe only filters")
    corpora: dict[str, CorpusConfig] = Field(description="The texts, by a short name of your choice")
    filtering: FilteringConfig | None = None
    vocab_extension: VocabExtensionConfig | None = None
    initialise: InitialiseConfig = Field(default_factory=InitialiseConfig)
    continued_pretrain: ContinuedPretrainConfig | None = None
    restore: RestoreConfig | None = None
    eval: EvalConfig | None = None
    release: ReleaseConfig | None = None
    report: ReportConfig = Field(default_factory=ReportConfig)
    hardware: HardwareConfig = Field(default_factory=HardwareConfig, description="For estimates and job scripts")

    @field_validator("name")
    @classmethod
    def _is_a_folder_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ValueError("use letters, digits, '.', '_' and '-' only: it names the run's folder")
        return name

    @field_validator("corpora")
    @classmethod
    def _has_corpora(cls, corpora: dict[str, CorpusConfig]) -> dict[str, CorpusConfig]:
        if not corpora:
            raise ValueError("name at least one corpus")
        for name in corpora:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"corpus name {name!r}: use lower-case letters, digits and '_'")
        return corpora
