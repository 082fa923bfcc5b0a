"""Continuations of prompts, in batches padded on the left, reproducible."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import GenerationConfig

from hanhua.eval.likelihood import OnDone
from hanhua.eval.loaded_model import LoadedModel


def generate_texts(
    model: LoadedModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    batch_size: int,
    on_done: OnDone | None = None,
) -> list[str]:
    """Return the continuation of each prompt (token ids, BOS included), in the order given.

    temperature 0 is greedy. Prompts longer than the model leaves room for are cut on the left.
    """
    room = max(model.max_tokens - max_new_tokens, 1)
    fitted = [ids if len(ids) <= room else [ids[0], *ids[len(ids) - room + 1 :]] for ids in prompts]
    settings = _settings(model, max_new_tokens=max_new_tokens, temperature=temperature)
    results = [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: (-len(fitted[i]), i))
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.inference_mode():
        torch.manual_seed(seed)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            for i, text in zip(batch, _generate_batch(model, [fitted[i] for i in batch], settings), strict=True):
                results[i] = text
            if on_done is not None:
                on_done(len(batch), len(order))
    return results


def _settings(model: LoadedModel, *, max_new_tokens: int, temperature: float) -> GenerationConfig:
    """Return a whole generation config: what the checkpoint's own says of sampling must not leak in."""
    own = model.network.generation_config
    end = own.eos_token_id if own.eos_token_id is not None else model.tokenizer.eos_token_id
    pad = own.pad_token_id if own.pad_token_id is not None else model.tokenizer.pad_token_id
    if pad is None:
        # Llama 3 has none. Behind the attention mask any id will do; a finished text is cut at its end token.
        pad = end[0] if isinstance(end, list) else end
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        eos_token_id=end,
        pad_token_id=model.bos_id if pad is None else pad,
        bos_token_id=model.bos_id,
        do_sample=temperature > 0,
        suppress_tokens=list(range(model.tokens, model.rows)) or None,
        **({"temperature": temperature} if temperature > 0 else {}),
    )


def _generate_batch(model: LoadedModel, prompts: Sequence[Sequence[int]], settings: GenerationConfig) -> list[str]:
    longest = max(len(ids) for ids in prompts)
    pads = [longest - len(ids) for ids in prompts]
    ids_BT = torch.tensor(
        [[*[settings.pad_token_id] * n, *ids] for n, ids in zip(pads, prompts, strict=True)], device=model.device
    )
    mask_BT = torch.tensor(
        [[0] * n + [1] * len(ids) for n, ids in zip(pads, prompts, strict=True)], device=model.device
    )
    output_BT = model.network.generate(input_ids=ids_BT, attention_mask=mask_BT, generation_config=settings)
    texts = model.tokenizer.batch_decode(output_BT[:, longest:].tolist(), skip_special_tokens=True)
    return [str(text) for text in texts]
