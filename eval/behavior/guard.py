"""An independent judge of generations: a guard model that reads prompt and reply and says whether the reply is safe.

Any causal model whose chat template takes a conversation and whose answer names its verdict: Llama Guard ("unsafe"
and a category), Qwen3Guard ("Safety: Unsafe"). It runs through the same engine, so its verdicts are cached alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hanhua.errors import InputError
from hanhua.eval.engine.requests import OnDone, Sampling
from hanhua.eval.engine.runner import Runner

MAX_VERDICT_TOKENS = 32


def judge_by_guard(
    runner: Runner, prompts: Sequence[str], replies: Sequence[str], *, unsafe: str, on_done: OnDone | None = None
) -> list[bool]:
    """Return whether the guard calls each reply unsafe.

    unsafe: a regular expression that finds the verdict in what the guard writes, case apart.
    Raises InputError for a guard without a chat template.
    """
    reader = runner.reader
    if not getattr(reader.tokenizer, "chat_template", None):
        raise InputError(f"guard {reader.name!r}: its tokenizer has no chat template, so it cannot be used")
    asked = [_conversation(runner, prompt, reply) for prompt, reply in zip(prompts, replies, strict=True)]
    pattern = re.compile(unsafe, re.IGNORECASE)
    found = runner.generate(asked, Sampling(MAX_VERDICT_TOKENS), on_done=on_done)
    return [pattern.search(one.text) is not None for one in found]


def _conversation(runner: Runner, prompt: str, reply: str) -> list[int]:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
    tokenizer = runner.reader.tokenizer
    written = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    ids = list(tokenizer(written, add_special_tokens=False, verbose=False)["input_ids"])
    return ids if ids[:1] == [runner.reader.bos_id] else [runner.reader.bos_id, *ids]
