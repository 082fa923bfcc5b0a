"""A model in memory, split where scoring needs it: the network up to the hidden states, and the head.

Shape suffixes: B sequences, T positions, D hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
from transformers.utils import logging

from hanhua.errors import InputError
from hanhua.eval.engine.head import VocabularyHead
from hanhua.eval.engine.model_folder import ModelFolder

Dtype = Literal["auto", "float32", "bfloat16"]
PrefixStates = list[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Reader:
    """How a model reads: its tokenizer, and what it was made for. Costs no memory of weights."""

    name: str
    tokenizer: Any
    bos_id: int
    rows: int
    tokens: int
    max_tokens: int
    """Longest input the model was made for."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids without BOS; special tokens spelled out in a text are read as plain text."""
        return self.encode_with_starts(texts)[0]

    def encode_with_starts(self, texts: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
        """Return token ids without BOS, and the character each token begins in."""
        if not texts:
            return [], []
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        starts = [[start for start, _ in offsets] for offsets in encoded["offset_mapping"]]
        return [list(ids) for ids in encoded["input_ids"]], starts


@dataclass(frozen=True)
class LoadedModel(Reader):
    """A model ready to score and to generate."""

    network: Any
    head: VocabularyHead
    _prefixes: dict[tuple[int, ...], PrefixStates] = field(default_factory=dict, repr=False)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.head.weight_VD.device

    def hidden_states(self, inputs: Sequence[Sequence[int]], *, prefix: tuple[int, ...] = ()) -> torch.Tensor:
        """Return the last hidden states of one batch of token ids, padded on the right, shape (B, T, D).

        prefix: tokens in front of every input, not in the result; the last one's keys and values are kept,
        so that the next batch after it does not compute them again.
        """
        longest = max(len(ids) for ids in inputs)
        # Padding is after every real token, so the causal mask alone would hide it; the mask says so too.
        ids_BT = torch.tensor([[*ids, *[self.bos_id] * (longest - len(ids))] for ids in inputs], device=self.device)
        mask_BT = None
        if any(len(ids) < longest for ids in inputs):
            rows = [[1] * (len(prefix) + len(ids)) + [0] * (longest - len(ids)) for ids in inputs]
            mask_BT = torch.tensor(rows, device=self.device)
        past = self.cache_behind(prefix, len(inputs)) if prefix else None
        output = self.network.base_model(
            input_ids=ids_BT, attention_mask=mask_BT, past_key_values=past, use_cache=past is not None
        )
        hidden_BTD: torch.Tensor = output.last_hidden_state
        return hidden_BTD

    def cache_behind(self, prefix: tuple[int, ...], sequences: int) -> DynamicCache:
        """Return keys and values of a beginning for so many sequences; those of the last one asked for are kept."""
        if prefix not in self._prefixes:
            self._prefixes.clear()
            cache = DynamicCache()
            ids_1P = torch.tensor([prefix], device=self.device)
            self.network.base_model(input_ids=ids_1P, past_key_values=cache, use_cache=True)
            self._prefixes[prefix] = [(layer.keys, layer.values) for layer in cache.layers]
        cache = DynamicCache()
        for number, (keys, values) in enumerate(self._prefixes[prefix]):
            cache.update(keys.expand(sequences, -1, -1, -1), values.expand(sequences, -1, -1, -1), number)
        return cache


def open_reader(source: ModelFolder) -> Reader:
    """Load a checked model folder's tokenizer alone."""
    return Reader(**_reading(source))


def load_model(source: ModelFolder, *, dtype: Dtype = "auto", device: torch.device | None = None) -> LoadedModel:
    """Load a checked model folder, to the GPU when there is one.

    Raises InputError for weights that are broken or incomplete (transformers would fill the gaps with random
    ones), and for an architecture that changes its logits after the head (soft-capping, scaling), whose
    scores would be wrong here.
    """
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = _load_network(source, dtype=getattr(torch, resolved_dtype(dtype, device))).to(device).eval()
    output = network.get_output_embeddings()
    head = VocabularyHead(output.weight, output.bias, tokens=source.tokens)
    model = LoadedModel(**_reading(source), network=network, head=head)
    _require_plain_head(model)
    return model


def resolved_dtype(dtype: Dtype, device: torch.device) -> str:
    """Return the precision that `auto` means on a device."""
    if dtype != "auto":
        return dtype
    return "float32" if device.type == "cpu" else "bfloat16"


def _reading(source: ModelFolder) -> dict[str, Any]:
    return {
        "name": source.name,
        "tokenizer": AutoTokenizer.from_pretrained(source.folder, local_files_only=True),
        "bos_id": source.bos_id,
        "rows": source.rows,
        "tokens": source.tokens,
        "max_tokens": source.max_tokens,
    }


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
            f"model {model.name!r}: {type(model.network).__name__} changes its logits after the output embedding; "
            "only models of the Llama kind, whose logits are hidden states times that matrix, can be scored here"
        )


@contextmanager
def execution(threads: int | None) -> Iterator[None]:
    """Score with the given number of CPU threads and no bar per weight file; restore both afterward."""
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
