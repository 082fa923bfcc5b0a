"""The model in training: PEFT's LoRA and new rows, or all weights, behind one module that returns the loss.

PEFT holds the parameters and names them in the saved adapter, so that anything that reads PEFT reads it. Its
own forward pass for new rows copies the whole embedding matrix and makes a full-size gradient at every
step; here only the rows themselves are moved (`TrainingModel`), with equal results.

Shape suffixes: B sequences, L tokens of one, D hidden size, V vocabulary, R new rows.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hanhua.continued_pretrain.config import ContinuedPretrainConfig, LoraSettings
from hanhua.continued_pretrain.head_loss import head_loss
from hanhua.continued_pretrain.pack import IGNORED
from hanhua.errors import InputError, InvariantError

ADAPTER = "default"


class TrainingModel(nn.Module):  # type: ignore[misc]
    """Token ids to summed loss. The one module that accelerate wraps, so that gradients are synchronised.

    inner: the transformers model, its linear layers adapted by PEFT where LoRA is used. rows: trainable
    embedding rows of the new tokens and, when the output layer is a matrix of its own, its rows.
    """

    def __init__(self, model: Any, *, first_new_id: int | None) -> None:
        super().__init__()
        self.model = model
        self.adapted = hasattr(model, "peft_config")
        inner = model.get_base_model() if self.adapted else model
        # In lists: these are registered below `model` already, and a second name would save them twice.
        self._decoder = [inner.model]
        self._tied = bool(inner.config.tie_word_embeddings)
        self.first_new_id = first_new_id if self.adapted else None
        self._embed = [_plain(inner.get_input_embeddings())]
        self._head = [_plain(inner.get_output_embeddings())]
        self._rows = [_rows(inner.get_input_embeddings()), _rows(inner.get_output_embeddings())]

    def forward(self, input_ids_BL: Tensor, position_ids_BL: Tensor, labels_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed nats of all targets, and the nats by position, (B, L), 0 where there is no target.

        Positions that restart keep documents apart: transformers builds the block-diagonal mask from them,
        which it does only without an attention mask and without a cache.
        """
        hidden_BLD = self._decoder[0](
            inputs_embeds=self._embedded(input_ids_BL), position_ids=position_ids_BL, use_cache=False
        ).last_hidden_state
        is_target_BL = labels_BL != IGNORED
        loss, nats_N = head_loss(
            hidden_BLD[is_target_BL], self._output_matrix(), labels_BL[is_target_BL], trainable_RD=self._head_rows()
        )
        nats_BL = torch.zeros_like(labels_BL, dtype=torch.float32)
        nats_BL[is_target_BL] = nats_N.detach()
        return loss, nats_BL

    def _embedded(self, ids_BL: Tensor) -> Tensor:
        old_BLD = nn.functional.embedding(ids_BL, self._embed[0].weight)
        rows_RD = self._rows[0]
        if rows_RD is None or self.first_new_id is None:
            return old_BLD
        place_BL = ids_BL - self.first_new_id
        new_BLD = nn.functional.embedding(place_BL.clamp(min=0), rows_RD).to(old_BLD.dtype)
        return torch.where((place_BL >= 0)[..., None], new_BLD, old_BLD)

    def _head_rows(self) -> Tensor | None:
        if self.adapted:
            return self._rows[0] if self._tied else self._rows[1]
        weight: Tensor = self._head[0].weight
        return weight

    def _output_matrix(self) -> Tensor:
        """Return the output matrix with the trained rows in place.

        The frozen matrix's own copies of those rows are used by nobody, so the trained ones are written
        over them: a copy of R rows where PEFT's way copies V.
        """
        weight_VD: Tensor = self._head[0].weight.detach()
        rows_RD = self._head_rows()
        if self.adapted and rows_RD is not None:
            weight_VD[-len(rows_RD) :] = rows_RD.detach().to(weight_VD.dtype)
        return weight_VD


def build_training_model(
    folder: Path, config: ContinuedPretrainConfig, *, first_new_id: int | None, dtype: torch.dtype
) -> TrainingModel:
    """Load a model folder and prepare what is trained: LoRA and the rows from `first_new_id` on, or all weights.

    dtype: of frozen weights; what is trained is always held in fp32. The adapters start from config.seed.
    """
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if config.lora is None else dtype
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    if config.gradient_checkpointing:
        _checkpoint_activations(model)
    if config.lora is not None:
        torch.manual_seed(config.seed)
        model = _with_lora(model, config.lora, first_new_id)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return TrainingModel(model, first_new_id=first_new_id)


def _checkpoint_activations(model: Any) -> None:
    """Turn activation checkpointing on, by the name this version of transformers has for it."""
    by_new_name = getattr(model, "activation_checkpointing_enable", None)
    (by_new_name or model.gradient_checkpointing_enable)({"use_reentrant": False})


def _with_lora(model: Any, lora: LoraSettings, first_new_id: int | None) -> Any:
    from peft import LoraConfig, get_peft_model

    rows = None
    if first_new_id is not None:
        ids = list(range(first_new_id, model.config.vocab_size))
        # A tied output layer follows the embedding; naming it too would train a second copy.
        rows = {"embed_tokens": ids} if model.config.tie_word_embeddings else {"embed_tokens": ids, "lm_head": ids}
    settings = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_rslora=lora.rslora,
        target_modules=_targets(model, lora),
        trainable_token_indices=rows,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5.23 for a name that it deprecates.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return get_peft_model(model, settings, adapter_name=ADAPTER)


def _targets(model: Any, lora: LoraSettings) -> list[str]:
    linear = {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    linear.discard("lm_head")
    if lora.targets == "all-linear":
        return sorted(linear)
    if unknown := sorted(set(lora.targets) - linear):
        raise InputError(f"lora.targets: no linear layer {unknown[0]!r}; there are: {', '.join(sorted(linear))}")
    return sorted(lora.targets)


def _plain(layer: Any) -> Any:
    """Return the layer below PEFT's row wrapper."""
    return layer.token_adapter.base_layer if hasattr(layer, "token_adapter") else layer


def _rows(layer: Any) -> Any:
    """Return PEFT's trainable rows of a layer, or None."""
    if not hasattr(layer, "token_adapter"):
        return None
    deltas = layer.token_adapter.trainable_tokens_delta
    return deltas[ADAPTER]


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return what is trained, by name, in a stable order."""
    return {name: p for name, p in sorted(model.named_parameters()) if p.requires_grad}


def parameter_groups(model: TrainingModel, config: ContinuedPretrainConfig) -> list[dict[str, Any]]:
    """Return AdamW's groups: new rows with their own rate and without weight decay, the rest by kind.

    Rows are values, not deltas: decay would pull a word's embedding towards zero, where it means nothing.
    For the same reason norms and whole embedding matrices (with lora: null) are not decayed.
    """
    rows, decayed, kept = [], [], []
    for name, parameter in trainable_parameters(model).items():
        if "trainable_tokens" in name:
            rows.append(parameter)
        elif parameter.ndim < 2 or "embed_tokens" in name or "lm_head" in name:
            kept.append(parameter)
        else:
            decayed.append(parameter)
    groups = [
        {"name": "weights", "params": decayed, "peak": config.learning_rate, "weight_decay": config.weight_decay},
        {"name": "undecayed", "params": kept, "peak": config.learning_rate, "weight_decay": 0.0},
        {"name": "rows", "params": rows, "peak": config.rows_learning_rate, "weight_decay": 0.0},
    ]
    expected = (model.first_new_id is not None) * (1 if model._tied else 2)
    if len(rows) != expected:
        raise InvariantError(f"{len(rows)} matrices of new rows are trained, where {expected} were expected")
    return [{**group, "lr": group["peak"]} for group in groups if group["params"]]
