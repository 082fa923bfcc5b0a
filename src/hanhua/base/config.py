"""What a recipe says about the base: a model, a toy model, or a tokenizer alone. Imports nothing heavy."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hanhua.config_fields import LocalPathOrHub
from hanhua.toy_settings import ToySettings


class BaseConfig(BaseModel):
    """A model: a folder, Hub id or GGUF file, or a toy; or, to work on the vocabulary alone, a tokenizer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: LocalPathOrHub | None = Field(
        default=None,
        description="Hugging Face folder or Hub id (safetensors weights, with its tokenizer), a Llama model's *.gguf "
        "file, or package:NAME for the one in an installed package",
    )
    toy: ToySettings | None = Field(default=None, description="Instead of `model`: a tiny model, for trying things out")
    tokenizer: LocalPathOrHub = Field(
        default="llama3",
        description="Tokenizer of a toy model, or of a recipe without a model: llama3, a folder, a Hub id",
    )

    @model_validator(mode="after")
    def _check(self) -> BaseConfig:
        if self.model is not None and self.toy is not None:
            raise ValueError("give either `model` (a folder or Hub id) or `toy`, not both")
        return self

    @property
    def has_model(self) -> bool:
        """Whether there are weights; without, there is a tokenizer only."""
        return self.model is not None or self.toy is not None
