"""A model in memory, split where scoring needs it: the network up to the hidden states, and the head.

Shapes: B sequences, T positions, N positions that are scored, D hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from hanhua.errors import InputError
from hanhua.eval.model_folder import ModelFolder

CPU_TILE = (128, 4096)
GPU_TILE = (1024, 32768)
"""Positions × vocabulary rows of logits held at a time. On CPU a tile stays in cache: twice as fast as whole rows."""


class VocabularyHead:
    """Scores hidden states against the vocabulary without ever holding (N, V) logits.

    Rows at and above the tokenizer's size are padding no text can reach; they are left out of the
    softmax, where they would take probability from real tokens.
    """

    def __init__(self, weight_VD: torch.Tensor, bias_V: torch.Tensor | None, *, tokens: int) -> None:
        self.weight_VD = weight_VD[:tokens]
        self.bias_V = None if bias_V is None else bias_V[:tokens]
        self._tile = CPU_TILE if weight_VD.device.type == "cpu" else GPU_TILE

    def log_normaliser(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        """Return log Σ exp(logits) of each position, shape (N,)."""
        found = []
        for some_ND in hidden_ND.split(self._tile[0]):
            parts = [torch.logsumexp(logits_NV, -1) for _, logits_NV in self._tiles(some_ND)]
            found.append(torch.logsumexp(torch.stack(parts, -1), -1))
        return torch.cat(found)

    def best_tokens(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        """Return the most probable token of each position, shape (N,)."""
        found = []
        for some_ND in hidden_ND.split(self._tile[0]):
            tops = [(start, logits_NV.max(-1)) for start, logits_NV in self._tiles(some_ND)]
            winner_N1 = torch.stack([top.values for _, top in tops], -1).argmax(-1, keepdim=True)
            ids_NT = torch.stack([start + top.indices for start, top in tops], -1)
            found.append(ids_NT.gather(-1, winner_N1).squeeze(-1))
        return torch.cat(found)

    def logits_of(self, hidden_ND: torch.Tensor, tokens_N: torch.Tensor) -> torch.Tensor:
        """Return each position's logit of one token, shape (N,)."""
        logits_N = (hidden_ND.float() * self.weight_VD[tokens_N].float()).sum(-1)
        return logits_N if self.bias_V is None else logits_N + self.bias_V[tokens_N].float()

    def _tiles(self, hidden_ND: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield logits of a range of the vocabulary at a time, with the range's first token."""
        width = self._tile[1]
        for start in range(0, len(self.weight_VD), width):
            # In float32 whatever the weights: bfloat16 logits near 16 are rounded to steps of 0.06.
            logits_NV = hidden_ND.float() @ self.weight_VD[start : start + width].float().T
            if self.bias_V is not None:
                logits_NV += self.bias_V[start : start + width].float()
            yield start, logits_NV


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to score and to generate."""

    name: str
    network: Any
    tokenizer: Any
    head: VocabularyHead
    bos_id: int
    rows: int
    tokens: int
    max_tokens: int
    """Longest input the model was made for."""

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.head.weight_VD.device

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids without BOS; special tokens spelled out in a text are read as plain text."""
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            verbose=False,
        )
        return [list(ids) for ids in encoded["input_ids"]]

    def hidden_states(self, inputs: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return the last hidden states of one batch of token ids, padded on the right, shape (B, T, D)."""
        longest = max(len(ids) for ids in inputs)
        # Padding sits behind every real token, so the causal mask alone would hide it; the mask says so too.
        ids_BT = torch.tensor([[*ids, *[self.bos_id] * (longest - len(ids))] for ids in inputs], device=self.device)
        mask_BT = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in inputs], device=self.device)
        padded = any(len(ids) < longest for ids in inputs)
        output = self.network.base_model(input_ids=ids_BT, attention_mask=mask_BT if padded else None, use_cache=False)
        hidden_BTD: torch.Tensor = output.last_hidden_state
        return hidden_BTD


def load_model(source: ModelFolder, *, dtype: Literal["auto", "float32", "bfloat16"] = "auto") -> LoadedModel:
    """Load a checked model folder, to the GPU when there is one.

    Raises InputError for weights that are broken or incomplete (transformers would fill the gaps with random
    ones), and for an architecture that changes its logits behind the head (soft-capping, scaling), whose
    scores would be wrong here.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if dtype == "auto":
        dtype = "float32" if device.type == "cpu" else "bfloat16"
    network = _load_network(source, dtype=getattr(torch, dtype)).to(device).eval()
    output = network.get_output_embeddings()
    tokenizer = AutoTokenizer.from_pretrained(source.folder, local_files_only=True)
    model = LoadedModel(
        name=source.name,
        network=network,
        tokenizer=tokenizer,
        head=VocabularyHead(output.weight, output.bias, tokens=source.tokens),
        bos_id=source.bos_id,
        rows=source.rows,
        tokens=source.tokens,
        max_tokens=int(getattr(network.config, "max_position_embeddings", None) or 8192),
    )
    _require_plain_head(model)
    return model


def _load_network(source: ModelFolder, *, dtype: torch.dtype) -> Any:
    try:
        network, found = AutoModelForCausalLM.from_pretrained(
            source.folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except (SafetensorError, OSError) as error:
        raise InputError(f"model {source.name!r}: its weights in {source.folder} cannot be read ({error})") from error
    if missing := sorted(found["missing_keys"]):
        raise InputError(
            f"model {source.name!r}: {len(missing)} weights are missing from {source.folder}, first {missing[0]}"
        )
    return network


def _require_plain_head(model: LoadedModel) -> None:
    ids = [model.bos_id, *range(min(4, model.tokens))]
    tokens_T = torch.tensor(ids, device=model.device)
    with torch.inference_mode():
        hidden_TD = model.hidden_states([ids])[0]
        ours_T = model.head.logits_of(hidden_TD, tokens_T)
        theirs_TV = model.network(input_ids=tokens_T[None], use_cache=False).logits[0].float()
    theirs_T = theirs_TV.gather(-1, tokens_T[:, None]).squeeze(-1)
    tolerance = 1e-3 if hidden_TD.dtype == torch.float32 else 0.1
    if not torch.allclose(ours_T, theirs_T, rtol=tolerance, atol=tolerance):
        raise InputError(
            f"model {model.name!r}: {type(model.network).__name__} changes its logits behind the output embedding; "
            "only models of the Llama kind, whose logits are hidden states times that matrix, can be scored here"
        )


@contextmanager
def execution(threads: int | None) -> Iterator[None]:
    """Score with so many CPU threads and no bar per weight file; set both back afterwards."""
    before, bars = torch.get_num_threads(), logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if bars:
            logging.enable_progress_bar()
