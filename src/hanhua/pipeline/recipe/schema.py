"""The schema of a recipe: one typed section per stage; unknown keys are refused."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator

from hanhua.base.config import BaseConfig
from hanhua.config_fields import published
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.hardware import Hardware, OwnFigures, find_hardware
from hanhua.documents.sources import CorpusConfig
from hanhua.eval.config import EvalConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.pipeline.stages import stages
from hanhua.release.config import ReleaseConfig
from hanhua.report.config import ReportConfig
from hanhua.stage import Stage
from hanhua.synthesis.settings import SynthesisConfig
from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.resize.config import ResizeConfig

_STRICT = ConfigDict(extra="forbid", frozen=True)


class HardwareConfig(BaseModel):
    """Target hardware. It decides the estimates of `hanhua plan` and the job scripts, never a result."""

    model_config = _STRICT

    devices: str = Field(
        default="1xH100",
        description="Accelerators by number and name, such as 8xA800, H20 or RTX4090-48GB, by memory alone (24GB), or "
        "cpu; a machine has at most eight",
    )
    cores: int = Field(default=16, ge=1, description="CPU cores per machine, for filtering and learning")
    price_per_device_hour: float | None = Field(
        default=None, ge=0, description="Price per device-hour in US dollars; null: typical for the device, if known"
    )
    memory_gb: float | None = Field(default=None, gt=0, description="Memory of one device in GB; null: the name's")
    bf16_tflops: float | None = Field(
        default=None, gt=0, description="Dense bf16 peak of one device in TFLOP/s; null: the name's"
    )
    bandwidth_gb_per_second: float | None = Field(
        default=None, gt=0, description="Memory bandwidth of one device in GB/s; null: the name's"
    )
    attained_ratio: float | None = Field(
        default=None, gt=0, le=1, description="Share of the peak training reaches; null: from peak and bandwidth"
    )
    link_gb_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Link between two devices of a machine, one direction, in GB/s; null: the name's",
    )
    network_gb_per_second: float | None = Field(
        default=None, gt=0, description="Network between machines per device, one direction, in GB/s; null: 50"
    )

    def machine(self) -> Hardware:
        """Return the devices with their figures. Raises UsageError for a name that is not known."""
        return find_hardware(self.devices, own=OwnFigures(**self.model_dump(exclude={"devices", "cores"})))


class Recipe(BaseModel):
    """One complete run, from corpora to a release folder. A stage that is absent is skipped."""

    model_config = _STRICT

    name: str = Field(description="Name of the run's folder and, by default, of the model")
    base: BaseConfig | None = Field(
        default=None, description="The model or tokenizer to adapt; not needed if a recipe only filters"
    )
    corpora: dict[str, CorpusConfig] = Field(description="Corpora, by a short name of your choice")
    filtering: FilteringConfig | None = None
    synthesis: SynthesisConfig | None = None
    vocab_extension: VocabExtensionConfig | None = None
    resize: ResizeConfig = Field(default_factory=ResizeConfig)
    continued_pretrain: ContinuedPretrainConfig | None = None
    chat_vector: ChatVectorConfig | None = None
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

    def section(self, name: str) -> Any:
        """Return the section of a stage, None where the recipe has none."""
        return getattr(self, name, None)

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as plain data, without keys that are null."""
        data: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return data

    def published(self) -> dict[str, Any]:
        """Return it as it may be shown and published: without folders of the machine and addresses of servers."""
        return published(self, self.as_json())

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages, in running order."""
        return stages()


def recipe_class() -> type[Recipe]:
    """Return the schema of a recipe, with a section for every other registered stage."""
    more: dict[str, Any] = {
        stage.name: (stage.section | None, None) for stage in stages() if stage.name not in Recipe.model_fields
    }
    return create_model("Recipe", __base__=Recipe, **more) if more else Recipe
