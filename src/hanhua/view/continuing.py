"""Continues prompts with one model, in a process of its own: JSON lines in, JSON lines out, until stdin ends.

In: {"id", "prompt", "max_new_tokens", "temperature", "seed"}. Out: {"state": "loading"}, {"state": "ready"}, then for
each prompt {"piece"} as the text comes and {"done", "tokens", "seconds", "stopped"}; {"error"} for what fails; each
with the prompt's id. When the page's process ends, however it does, stdin is closed, and this one ends too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TextStreamer
from transformers.utils import logging

from hanhua.end_tokens import end_token_ids

Say = Callable[..., None]


def main(folder: Path) -> None:
    """Load a model folder and answer lines of stdin."""
    logging.disable_progress_bar()
    _say(state="loading")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        network = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", local_files_only=True)
        network.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    except (OSError, ValueError, RuntimeError) as error:
        _say(error=f"cannot be loaded: {error}")
        return
    _say(state="ready")
    for line in sys.stdin:
        asked = json.loads(line)
        say = partial(_say, id=asked.pop("id"))
        try:
            continue_text(network, tokenizer, say=say, **asked)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            say(error=str(error))


def continue_text(
    network: Any, tokenizer: Any, *, say: Say, prompt: str, max_new_tokens: int, temperature: float, seed: int
) -> None:
    """Continue one prompt. temperature: 0 is greedy. The prompt begins as a text the model was trained on does."""
    ids = tokenizer(prompt, return_tensors="pt", verbose=False)["input_ids"].to(network.device)
    room = int(network.config.max_position_embeddings) - ids.shape[1]
    if ids.shape[1] == 0 or room < 1:
        raise ValueError(f"the prompt has {ids.shape[1]:,} tokens, and the model has room for {room + ids.shape[1]:,}")
    ends = sorted(end_token_ids(network.generation_config.eos_token_id, tokenizer.eos_token_id))
    torch.manual_seed(seed)
    drawn = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    began = time.perf_counter()
    with torch.inference_mode():
        output = network.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=min(max_new_tokens, room),
            eos_token_id=ends or None,
            pad_token_id=ends[0] if ends else 0,
            streamer=_Pieces(tokenizer, say),
            **drawn,
        )
    made = output[0, ids.shape[1] :].tolist()
    seconds = time.perf_counter() - began
    say(done=True, tokens=len(made), seconds=round(seconds, 3), stopped=bool(made) and made[-1] in ends)


class _Pieces(TextStreamer):  # type: ignore[misc]
    """Says decoded pieces, holding back characters that are not whole yet."""

    def __init__(self, tokenizer: Any, say: Say) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._say = say

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        if text:
            self._say(piece=text)


def _say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
