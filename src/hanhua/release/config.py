"""What a recipe says about its release."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ReleaseKind = Literal["model", "adapter", "tokenizer"]


class ReleaseConfig(BaseModel):
    """The release folder: what is published, and under which duties."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        description="Llama version of the base, where its name does not say it: the license's duties follow",
    )
    base_license: str | None = Field(
        default=None,
        description="License of a base that is no Llama 3, as the Hub writes it (apache-2.0); null: as its GGUF file "
        "says",
    )
    model_name: str | None = Field(
        default=None, description="Name on the card; of a Llama must begin with 'Llama 3' (default: from name)"
    )
