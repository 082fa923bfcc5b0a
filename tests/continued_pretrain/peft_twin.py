"""The same training model as PEFT alone would hold it, to compare with."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM

from hanhua.continued_pretrain.model import TrainingModel
from hanhua.continued_pretrain.trained import trainable_parameters


def peft_twin(ours: TrainingModel, folder: Path) -> tuple[Any, dict[str, Tensor]]:
    """Return PEFT's model with our weights, and its trained parameters by our names."""
    plain = AutoModelForCausalLM.from_pretrained(folder)
    names = trainable_parameters(ours)
    if not hasattr(ours.model, "peft_config"):
        model = plain
        by_name = {f"model.{name}": p for name, p in model.named_parameters()}
    else:
        settings = ours.model.peft_config["default"]
        rows = None
        if ours.first_new_id is not None:
            ids = list(range(ours.first_new_id, plain.config.vocab_size))
            rows = dict.fromkeys(["embed_tokens"] if ours.tied else ["embed_tokens", "lm_head"], ids)
        lora = {name: getattr(settings, name) for name in ("r", "lora_alpha", "use_rslora", "use_dora")}
        lora["target_modules"] = sorted(settings.target_modules)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
            model = get_peft_model(plain, LoraConfig(trainable_token_indices=rows, task_type="CAUSAL_LM", **lora))
        by_name = {f"model.{name}": p for name, p in model.named_parameters() if p.requires_grad}
        by_name = {_our_name(name): p for name, p in by_name.items()}
    assert by_name.keys() == names.keys()
    with torch.no_grad():
        for name, parameter in by_name.items():
            parameter.copy_(names[name])
    return model, by_name


def _our_name(name: str) -> str:
    if "trainable_tokens_delta" not in name:
        return name
    return f"rows.{'embed_tokens' if 'embed_tokens' in name else 'lm_head'}"
