"""Continuations of many prompts with a batch that is refilled as replies end: no row is computed that is finished.

Each row keeps its own place in the cache, on the right; what is left of it is masked. What all prompts begin with is
read once. What is drawn for a prompt depends on its own seed, not on its neighbors.

Shape suffixes: B rows, H heads, T cached tokens, D head size, V vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch.nn.functional import pad
from transformers import DynamicCache

from hanhua.end_tokens import end_token_ids
from hanhua.eval.engine.loaded_model import LoadedModel
from hanhua.eval.engine.requests import Generated, Sampling, cut_at_stops
from hanhua.eval.engine.stop_strings import StopStrings

MIN_SHARED_TOKENS = 32
"""Of a common beginning; a shorter one costs more to keep apart than it saves."""

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, shape (B, H, T, D)."""


@dataclass
class _Row:
    """One reply that is being written. cached: tokens of it in the cache; the last of `tokens` is not there yet."""

    number: int
    cached: int
    generator: torch.Generator | None
    tokens: list[int] = field(default_factory=list)


def generate_continuously(
    model: LoadedModel, prompts: Sequence[Sequence[int]], sampling: Sampling, *, seeds: Sequence[int], batch_size: int
) -> list[Generated]:
    """Return the continuation of each prompt (token ids, BOS included), `batch_size` at a time, in the order given.

    seeds: one for each prompt, by which its tokens are drawn where the temperature is above 0.
    """
    writer = _Writer(model, sampling, shared=_common_beginning(prompts))
    waiting = deque(range(len(prompts)))
    found: dict[int, Generated] = {}
    with torch.inference_mode():
        while waiting or writer.rows:
            free = batch_size - len(writer.rows)
            if waiting and free:
                new = [waiting.popleft() for _ in range(min(free, len(waiting)))]
                found |= writer.admit(new, [prompts[i] for i in new], [seeds[i] for i in new])
            if writer.rows:
                found |= writer.step()
    return [found[number] for number in range(len(prompts))]


class _Writer:
    """The rows being written, and their cache."""

    def __init__(self, model: LoadedModel, sampling: Sampling, *, shared: tuple[int, ...]) -> None:
        self._model, self._sampling, self._shared = model, sampling, shared
        own = model.network.generation_config
        self._ends = frozenset(end_token_ids(own.eos_token_id, model.tokenizer.eos_token_id))
        self._stops = StopStrings(model.tokenizer, sampling.stops)
        self.rows: list[_Row] = []
        self._cache = DynamicCache()
        self._scores = torch.empty(0)

    def admit(
        self, numbers: Sequence[int], prompts: Sequence[Sequence[int]], seeds: Sequence[int]
    ) -> dict[int, Generated]:
        """Read new prompts and take them into the batch; return those whose reply ends with its first token."""
        hidden, layers = self._read(prompts)
        new = [
            _Row(number, len(ids), self._generator(seed))
            for number, ids, seed in zip(numbers, prompts, seeds, strict=True)
        ]
        self._merge(layers, [len(ids) for ids in prompts])
        self.rows += new
        self._scores = self._hide_left()
        return self._take(hidden, new)

    def step(self) -> dict[int, Generated]:
        """Write one more token of each row; return the replies that ended with it."""
        device = self._model.device
        self._scores = pad(self._scores, (0, 1))
        ids_B1 = torch.tensor([[row.tokens[-1]] for row in self.rows], device=device)
        positions_B1 = torch.tensor([[row.cached] for row in self.rows], device=device)
        output = self._model.network.base_model(
            input_ids=ids_B1,
            attention_mask=self._scores,
            position_ids=positions_B1,
            past_key_values=self._cache,  # which it lengthens in place
            use_cache=True,
        )
        for row in self.rows:
            row.cached += 1
        return self._take(output.last_hidden_state[:, -1], self.rows)

    def _read(self, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, Layers]:
        """Return the last hidden state of each prompt, shape (B, D), and its keys and values, padded on the right."""
        begun, device = len(self._shared), self._model.device
        rests = [ids[begun:] for ids in prompts]
        longest = max(map(len, rests))
        ids_BT = torch.tensor([[*ids, *[self._model.bos_id] * (longest - len(ids))] for ids in rests], device=device)
        mask_BT = torch.tensor([[1] * (begun + len(ids)) + [0] * (longest - len(ids)) for ids in rests], device=device)
        past = self._model.cache_behind(self._shared, len(rests)) if begun else DynamicCache()
        output = self._model.network.base_model(
            input_ids=ids_BT, attention_mask=mask_BT, past_key_values=past, use_cache=True
        )
        last_B = torch.tensor([len(ids) - 1 for ids in rests], device=device)
        hidden_BD = output.last_hidden_state[torch.arange(len(rests), device=device), last_B]
        return hidden_BD, [(layer.keys, layer.values) for layer in output.past_key_values.layers]

    def _merge(self, layers: Layers, lengths: Sequence[int]) -> None:
        """Put the new rows' keys and values behind those of the rows there are, all flush right."""
        width = max([*lengths, *(row.cached for row in self.rows)])
        merged = DynamicCache()
        for number, pair in enumerate(layers):
            layer = self._cache.layers[number] if self.rows else None
            old = (None, None) if layer is None else (layer.keys, layer.values)
            keys, values = (
                torch.cat(
                    [
                        *([] if before is None else [_flush_right(before, width)]),
                        *(_flush_right(new[i : i + 1, :, :n], width) for i, n in enumerate(lengths)),
                    ]
                )
                for new, before in zip(pair, old, strict=True)
            )
            merged.update(keys, values, number)
        self._cache = merged

    def _hide_left(self) -> torch.Tensor:
        """Return what is added to attention scores, shape (B, 1, 1, T): nothing, or the least number where no row is.

        In this shape transformers takes it as it is; from ones and zeros it would make the same anew at every step.
        """
        width, dtype = self._cache.get_seq_length(), self._model.network.dtype
        places_T = torch.arange(width, device=self._model.device)
        begins_B1 = torch.tensor([[width - row.cached] for row in self.rows], device=self._model.device)
        hidden_BT = torch.zeros(len(self.rows), width, dtype=dtype, device=self._model.device)
        return hidden_BT.masked_fill(places_T[None] < begins_B1, torch.finfo(dtype).min)[:, None, None]

    def _take(self, hidden_BD: torch.Tensor, rows: Sequence[_Row]) -> dict[int, Generated]:
        """Choose the next token of each row; take out those that are finished, and return their replies."""
        logits_BV = self._model.network.get_output_embeddings()(hidden_BD)[:, : self._model.tokens].float()
        for row, token in zip(rows, self._chosen(logits_BV, rows), strict=True):
            row.tokens.append(token)
        done = {row.number: reply for row in rows if (reply := self._finished(row)) is not None}
        if done:
            self._keep([place for place, row in enumerate(self.rows) if row.number not in done])
        return done

    def _chosen(self, logits_BV: torch.Tensor, rows: Sequence[_Row]) -> list[int]:
        if self._sampling.temperature <= 0:
            return [int(token) for token in logits_BV.argmax(-1).tolist()]
        shares_BV = torch.softmax(logits_BV / self._sampling.temperature, -1).cpu()
        return [
            int(torch.multinomial(shares_V, 1, generator=row.generator))
            for shares_V, row in zip(shares_BV, rows, strict=True)
        ]

    def _finished(self, row: _Row) -> Generated | None:
        ended = row.tokens[-1] in self._ends
        if not (ended or len(row.tokens) >= self._sampling.max_new_tokens or self._stops.reached(row.tokens)):
            return None
        tokens = row.tokens[:-1] if ended else row.tokens
        text = str(self._model.tokenizer.decode(tokens, skip_special_tokens=True))
        return cut_at_stops(text, ended, len(tokens), self._sampling.stops)

    def _keep(self, places: list[int]) -> None:
        """Keep only these rows, and no more of the cache than the longest of them fills."""
        self.rows = [self.rows[place] for place in places]
        if not places:
            self._cache = DynamicCache()
            return
        width = max(row.cached for row in self.rows)
        kept = torch.tensor(places, device=self._model.device)
        for layer in self._cache.layers:
            layer.keys = _flush_right(layer.keys, width)[kept]
            layer.values = _flush_right(layer.values, width)[kept]
        self._scores = self._hide_left()

    def _generator(self, seed: int) -> torch.Generator | None:
        if self._sampling.temperature <= 0:
            return None
        generator = torch.Generator()
        generator.manual_seed(seed)
        return generator


def _common_beginning(prompts: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return what all prompts begin with, short of the whole of any; () where that is little, or the prompt is one."""
    if len(prompts) < 2:
        return ()
    whole = [tuple(ids) for ids in prompts]
    low, high = min(whole), max(whole)
    room = min(map(len, prompts)) - 1
    length = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    shared = min(length, room)
    return tuple(low[:shared]) if shared >= MIN_SHARED_TOKENS else ()


def _flush_right(states_BHTD: torch.Tensor, width: int) -> torch.Tensor:
    """Return keys or values of that width: filled up, or cut, on the left."""
    missing = width - states_BHTD.shape[2]
    return pad(states_BHTD, (0, 0, missing, 0)) if missing > 0 else states_BHTD[:, :, -missing:]
