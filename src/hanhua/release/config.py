"""A recipe's settings of its release."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hanhua.config_fields import LocalPath

ReleaseKind = Literal["model", "adapter", "tokenizer"]


class ReleaseConfig(BaseModel):
    """The release folder: what is published, and under which license duties."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ReleaseKind = Field(
        default="model",
        description="model: merged weights. adapter: the LoRA adapter, with the resized base it belongs to. tokenizer: "
        "only the extended tokenizer",
    )
    license_policy: Literal["commercial", "research"] = Field(
        default="commercial",
        description="commercial: a corpus without a license or with a non-commercial one blocks a public release",
    )
    max_shard_gigabytes: float = Field(default=5.0, gt=0, description="Maximum size of one weight file in GB")
    base_family: Literal["3", "3.1", "3.2", "3.3"] | None = Field(
        default=None,
        description="Llama version of the base, if its name does not tell; it decides the license's duties",
    )
    base_license: str | None = Field(
        default=None,
        description="License of a base that is no Llama 3, as the Hub writes it (apache-2.0); null: as its GGUF file "
        "says",
    )
    model_name: str | None = Field(
        default=None,
        description="Name on the model card; a Llama's begins with 'Llama 3'; null: made from the recipe's name",
    )
    audit: LocalPath | None = Field(
        default=None,
        description="What `hanhua filter audit` made (its folder or audit.json), for the card; null: none",
    )
