"""A conversation with a model in transformers: turns written by its chat template, replies streamed as they come."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, TextStreamer
from transformers.utils import logging

from hanhua.end_tokens import end_token_ids
from hanhua.errors import InputError


class TurnTooLong(InputError):
    """A turn that the model has no room for, even alone; the conversation is as it was before."""


Show = Callable[[str], None]
Turn = dict[str, str]


@dataclass(frozen=True)
class Sampling:
    """How replies are sampled. temperature: 0 is greedy, None takes the model's own generation config."""

    max_new_tokens: int = 512
    temperature: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Reply:
    """One answer. stopped: the model ended it with one of its end tokens; dropped: old turns that no longer fit."""

    text: str
    prompt_tokens: int
    tokens: int
    seconds: float
    stopped: bool
    dropped: int = 0

    @property
    def characters_per_second(self) -> float:
        """Characters of the answer divided by the seconds from question to end."""
        return len(self.text) / self.seconds if self.seconds else 0.0


@dataclass
class Conversation:
    """A model, its tokenizer, and the turns so far."""

    network: Any
    tokenizer: Any
    settings: GenerationConfig
    ends: frozenset[int]
    max_tokens: int
    system: str | None = None
    turns: list[Turn] = field(default_factory=list)

    def ask(self, text: str, *, show: Show) -> Reply:
        """Say something to the model; `show` gets the reply in pieces as they come."""
        asked: Turn = {"role": "user", "content": text}
        ids, dropped = self._fitted([*self.turns, asked])
        began = time.perf_counter()
        with torch.inference_mode():
            output = self.network.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                streamer=_Pieces(self.tokenizer, show),
            )
        seconds = time.perf_counter() - began
        made = output[0, ids.shape[1] :].tolist()
        stopped = bool(made) and made[-1] in self.ends
        reply = self.tokenizer.decode(made[:-1] if stopped else made, skip_special_tokens=True)
        self.turns += [asked, {"role": "assistant", "content": reply}]
        return Reply(reply, ids.shape[1], len(made), seconds, stopped, dropped)

    def _fitted(self, turns: list[Turn]) -> tuple[torch.Tensor, int]:
        """Return the prompt and how many of the oldest turns were left out because the model has no room for them."""
        room = self.max_tokens - int(self.settings.max_new_tokens)
        for dropped in range(0, len(turns), 2):
            ids = self._encode(turns[dropped:])
            if ids.shape[1] <= room:
                self.turns = turns[dropped:-1]
                return ids, dropped
        raise TurnTooLong(
            f"this turn takes {ids.shape[1]:,} tokens, and the model has room for {room:,} in addition to an answer of "
            f"{self.settings.max_new_tokens:,}; write less, or lower --max-new-tokens"
        )

    def _encode(self, turns: list[Turn]) -> torch.Tensor:
        first: list[Turn] = [] if self.system is None else [{"role": "system", "content": self.system}]
        text = self.tokenizer.apply_chat_template([*first, *turns], tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return torch.tensor([ids], device=self.network.device)


def open_conversation(folder: Path, *, sampling: Sampling, system: str | None = None) -> Conversation:
    """Load a model folder to talk to, onto the GPU when there is one, in the dtype it is stored in.

    Raises InputError when it has no chat template, or cannot be read.
    """
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: its tokenizer cannot be read ({error})") from error
    if tokenizer.chat_template is None:
        raise InputError(
            f"{folder}: no chat template, so this is a base model, which continues texts; "
            "`hanhua restore` turns it into a chat model"
        )
    try:
        network = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", local_files_only=True)
    except OSError as error:
        raise InputError(f"{folder}: its weights cannot be read ({error})") from error
    network.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    max_tokens = int(network.config.max_position_embeddings)
    settings, ends = _settings(network.generation_config, tokenizer, sampling, max_tokens=max_tokens)
    network.generation_config = settings  # otherwise its own sampling settings would be merged in again
    if sampling.seed is not None:
        torch.manual_seed(sampling.seed)
    return Conversation(network, tokenizer, settings, ends, max_tokens, system)


def _settings(
    own: GenerationConfig, tokenizer: Any, sampling: Sampling, *, max_tokens: int
) -> tuple[GenerationConfig, frozenset[int]]:
    """Return the model's own generation config with what was asked for, and every id that ends an answer."""
    ends = sorted(end_token_ids(own.eos_token_id, tokenizer.eos_token_id))
    if not ends:
        raise InputError("the model names no end token in its generation config or tokenizer, so it would never stop")
    # A model with a short context keeps half of it for the question.
    longest = min(sampling.max_new_tokens, max_tokens // 2)
    data = {**own.to_diff_dict(), "max_new_tokens": longest, "eos_token_id": ends, "max_length": None}
    # One reply is one sequence, so nothing is padded; transformers only requires some id.
    data.setdefault("pad_token_id", ends[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id)
    if sampling.temperature is not None:
        drawn = {"do_sample": True, "temperature": sampling.temperature}
        data = {k: v for k, v in data.items() if k not in ("temperature", "top_p", "top_k", "do_sample")}
        data.update(drawn if sampling.temperature > 0 else {"do_sample": False})
    return GenerationConfig(**data), frozenset(ends)


class _Pieces(TextStreamer):  # type: ignore[misc]
    """Gives decoded pieces to a function, holding back characters that are not whole yet."""

    def __init__(self, tokenizer: Any, show: Show) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._show = show

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        if text:
            self._show(text)
