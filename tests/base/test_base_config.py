from __future__ import annotations

import pytest
from pydantic import ValidationError

from hanhua.base.config import BaseConfig
from hanhua.toy_settings import ToySettings


def test_a_base_is_a_model_or_a_toy_or_a_tokenizer_alone() -> None:
    assert BaseConfig(toy=ToySettings()).tokenizer == "llama3" and BaseConfig(toy=ToySettings()).has_model
    assert BaseConfig(model="a/b").has_model and not BaseConfig(tokenizer="a/b").has_model
    with pytest.raises(ValidationError, match="not both"):
        BaseConfig.model_validate({"model": "x", "toy": {}})
    with pytest.raises(ValidationError, match="multiple"):
        ToySettings(heads=4, kv_heads=3)
