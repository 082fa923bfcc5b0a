"""Continuations of prompts, in batches padded on the left, reproducible.

Shape suffixes: B sequences, T tokens of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.end_tokens import end_token_ids
from hanhua.eval.engine.continuous import generate_continuously
from hanhua.eval.engine.loaded_model import LoadedModel
from hanhua.eval.engine.requests import Generated, Sampling, cut_at_stops
from hanhua.eval.engine.token_healing import TokenHealing

_TAIL_TOKENS = 16


def fit_length(sampling: Sampling, *, max_tokens: int) -> Sampling:
    """Return the sampling with answers of at most half the model's context, which leaves the other half to prompts."""
    longest = max(max_tokens // 2, 1)
    return sampling if sampling.max_new_tokens <= longest else replace(sampling, max_new_tokens=longest)


def fit_prompt(prompt: Sequence[int], *, max_tokens: int, max_new_tokens: int) -> tuple[int, ...]:
    """Return a prompt cut on the left, after BOS, to what the model leaves room for."""
    room = max(max_tokens - max_new_tokens, 1)
    return tuple(prompt) if len(prompt) <= room else (prompt[0], *prompt[len(prompt) - room + 1 :])


def generate_group(
    model: LoadedModel, prompts: Sequence[Sequence[int]], sampling: Sampling, seeds: Sequence[int], batch_size: int
) -> list[Generated]:
    """Return the continuation of each prompt (token ids, BOS included) of one group, `batch_size` at a time."""
    if not sampling.heal:
        return generate_continuously(model, prompts, sampling, seeds=seeds, batch_size=batch_size)
    found = []
    for start in range(0, len(prompts), batch_size):
        found += generate_batch(model, prompts[start : start + batch_size], sampling)
    return found


def generate_batch(model: LoadedModel, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generated]:
    """Return the continuation of each prompt of one batch, by transformers' own loop: for prompts that are healed."""
    healing = TokenHealing(model, prompts) if sampling.heal else None
    prompts = healing.prompts if healing is not None else prompts
    settings = _settings(model, sampling)
    longest = max(len(ids) for ids in prompts)
    pads = [longest - len(ids) for ids in prompts]
    ids_BT = torch.tensor(
        [[*[settings.pad_token_id] * n, *ids] for n, ids in zip(pads, prompts, strict=True)], device=model.device
    )
    mask_BT = torch.tensor(
        [[0] * n + [1] * len(ids) for n, ids in zip(pads, prompts, strict=True)], device=model.device
    )
    stop = _StopStrings(model, sampling.stops, behind=longest)
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.inference_mode():
        # A seed of the batch's own, so that an answer does not hang on which batches ran before it.
        torch.manual_seed(int(fingerprint([sampling.seed, [list(ids) for ids in prompts]])[:15], 16))
        output_BT = model.network.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            generation_config=settings,
            stopping_criteria=StoppingCriteriaList([stop] if sampling.stops else []),
            logits_processor=LogitsProcessorList([] if healing is None else [healing.processor(longest)]),
        )
    ends = end_token_ids(settings.eos_token_id)
    rows = [_until(row, set(ends)) for row in output_BT[:, longest:].tolist()]
    texts = model.tokenizer.batch_decode([ids for ids, _ in rows], skip_special_tokens=True)
    if healing is not None:
        texts = [healing.without_removed(number, str(text)) for number, text in enumerate(texts)]
    return [
        cut_at_stops(str(text), ended, len(ids), sampling.stops) for text, (ids, ended) in zip(texts, rows, strict=True)
    ]


def _until(row: list[int], ends: set[int]) -> tuple[list[int], bool]:
    """Return a row's tokens before its end token, and whether it had one."""
    for place, token in enumerate(row):
        if token in ends:
            return row[:place], True
    return row, False


class _StopStrings(StoppingCriteria):  # type: ignore[misc]
    """Ends a row whose last few tokens hold a stop string; transformers' own scans the whole vocabulary first."""

    def __init__(self, model: LoadedModel, stops: Sequence[str], *, behind: int) -> None:
        self._tokenizer, self._stops, self._behind = model.tokenizer, [stop for stop in stops if stop], behind

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        start = max(self._behind, input_ids.shape[1] - _TAIL_TOKENS)
        tails = self._tokenizer.batch_decode(input_ids[:, start:].tolist(), skip_special_tokens=True)
        done = [any(stop in tail for stop in self._stops) for tail in tails]
        return torch.tensor(done, device=input_ids.device)


def _settings(model: LoadedModel, sampling: Sampling) -> GenerationConfig:
    """Return a whole generation config: what the checkpoint's own says of sampling must not leak in."""
    own = model.network.generation_config
    # The end of a turn may be named by the tokenizer alone, the end of a text by the generation config alone.
    end = list(end_token_ids(own.eos_token_id, model.tokenizer.eos_token_id))
    pad = own.pad_token_id if own.pad_token_id is not None else model.tokenizer.pad_token_id
    if pad is None:
        # Llama 3 has none. Behind the attention mask any id will do; a finished text is cut at its end token.
        pad = end[0] if end else None
    return GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        eos_token_id=end or None,
        pad_token_id=model.bos_id if pad is None else pad,
        bos_token_id=model.bos_id,
        do_sample=sampling.temperature > 0,
        suppress_tokens=list(range(model.tokens, model.rows)) or None,
        **({"temperature": sampling.temperature} if sampling.temperature > 0 else {}),
    )
