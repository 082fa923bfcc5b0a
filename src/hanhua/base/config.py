"""A recipe's settings of the base: a model, a toy model, or only a tokenizer. Imports nothing heavy."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hanhua.config_fields import LocalPathOrHub
from hanhua.toy_settings import ToySettings


class BaseConfig(BaseModel):
    """The model to adapt: a folder, Hub id, GGUF file or toy model; or only a tokenizer, for vocabulary work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: LocalPathOrHub | None = Field(
        default=None,
        description="Hugging Face folder or Hub id (safetensors weights, with its tokenizer), a Llama model's *.gguf "
        "file, package:NAME for the one in an installed package, or ms://OWNER/NAME on ModelScope",
    )
    toy: ToySettings | None = Field(default=None, description="Tiny model instead of `model`, for trying things out")
    tokenizer: LocalPathOrHub = Field(
        default="llama3",
        description="Tokenizer of a toy model, or of a recipe without a model: llama3 or another short name, a folder, "
        "a Hub id, a Llama model's *.gguf file, or package:NAME for the one in an installed package",
    )

    @model_validator(mode="after")
    def _check(self) -> BaseConfig:
        if self.model is not None and self.toy is not None:
            raise ValueError("give either `model` (a folder or Hub id) or `toy`, not both")
        return self

    @property
    def has_model(self) -> bool:
        """Whether there are weights, not only a tokenizer."""
        return self.model is not None or self.toy is not None
