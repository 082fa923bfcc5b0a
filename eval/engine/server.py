"""A model that a server writes for us: any that speaks OpenAI's `/v1/completions`, such as `vllm serve`. No torch.

Prompts go as token ids, so that the server's tokenizer, templates and BOS play no part. One request per prompt, many at
once: such servers batch by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from hanhua.errors import InputError
from hanhua.eval.engine.requests import Generated, Likelihood, Sampling, ScoredInput, cut_at_stops
from hanhua.openai_server import OpenAiServer
from hanhua.progress import say

AT_ONCE = 64
"""Requests in flight; vLLM's own default takes more sequences per step than that."""
TRIES, PATIENCE_SECONDS = 4, 600
MAX_DIFFERENCE = 0.15
"""Nats, in the mean, by which the same weights may differ between engines and in bfloat16."""
PROBES = (
    "北京是中国的",
    "今天天气很好，我们一起去",
    "人工智能是计算机科学的一个分支，它",
    "一加二等于",
    "The capital of France is",
    "Once upon a time there was a",
    "def add(a, b):\n    return",
    "問：香港在哪裡？\n答：",
)
"""Prompts that server and folder both continue, to check that they are the same model."""


class Server:
    """One served model."""

    def __init__(self, url: str, *, name: str) -> None:
        """Ask the server what it has; `name` is looked for among several models.

        Raises InputError when it cannot be reached, or has several of which none is called so.
        """
        self._server = OpenAiServer(url, "VLLM_API_KEY", tries=TRIES, patience_seconds=PATIENCE_SECONDS)
        self.url, ids = self._server.url, self._server.models()
        if name not in ids and len(ids) != 1:
            raise InputError(f"{self.url} serves {', '.join(ids) or 'no model'}; serve one under the name {name!r}")
        self.model = name if name in ids else ids[0]

    def generate(self, batches: Sequence[Sequence[Sequence[int]]], sampling: Sampling) -> Iterator[list[Generated]]:
        """Yield the continuations of each batch of prompts (token ids, BOS included), in order."""
        if sampling.heal:
            raise ValueError("a server cannot be told which tokens may come first; heal prompts with the model here")
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            waiting = [[pool.submit(self._complete, ids, sampling) for ids in batch] for batch in batches]
            for futures in waiting:
                yield [future.result() for future in futures]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def score(self, batches: Sequence[Sequence[ScoredInput]]) -> Iterator[list[list[Likelihood]]]:
        """Yield the likelihoods of each batch's alternatives, in order, as the server gives them of prompts.

        Raises InputError for a server that does not give them (`echo` with `logprobs`, as vLLM does).
        """
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            waiting = [
                [[pool.submit(self._likelihood, item, target) for target in item.targets] for item in batch]
                for batch in batches
            ]
            for futures in waiting:
                yield [[future.result() for future in row] for row in futures]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _likelihood(self, item: ScoredInput, target: tuple[int, ...]) -> Likelihood:
        prompt = [*item.inputs, target[-1]]
        # One token must be asked for; it is not looked at.
        given = {"prompt": prompt, "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": True}
        about = self._ask(given)[0].get("logprobs") or {}
        found = about.get("token_logprobs") or []
        if len(found) < len(prompt) or any(value is None for value in found[1 : len(prompt)]):
            raise InputError(
                f"{self.url} gives no log-probabilities of prompts (echo with logprobs), so it cannot score; "
                "leave out --score-with-server, and likelihoods are computed here"
            )
        places = range(len(prompt) - len(target), len(prompt))
        best = about.get("top_logprobs") or []
        greedy = bool(best) and all(found[n] >= max((best[n] or {"": found[n]}).values()) - 1e-9 for n in places)
        return Likelihood(np.array([found[n] for n in places], dtype=np.float64), greedy)

    def first_log_probabilities(self, prompts: Sequence[Sequence[int]]) -> list[float | None]:
        """Return the log-probability of the likeliest next token of each prompt, None where the server gives none.

        llama.cpp gives none for a token that is a part of a character.
        """
        given = {"max_tokens": 1, "temperature": 0, "logprobs": 1}
        answers = [self._ask({"prompt": list(ids), **given})[0].get("logprobs") or {} for ids in prompts]
        return [next(iter(_log_probabilities(answer)), None) for answer in answers]

    def require_same_model(self, prompts: Sequence[Sequence[int]], expected: Sequence[float], *, folder: str) -> None:
        """Raise InputError when the server continues the prompts differently from the folder's weights."""
        found = self.first_log_probabilities(prompts)
        differences = [abs(a - b) for a, b in zip(found, expected, strict=True) if a is not None]
        if not differences:
            say(f"eval: {self.url} gives no log-probabilities: not compared with the weights in {folder}")
            return
        difference = sum(differences) / len(differences)
        if difference > MAX_DIFFERENCE:
            raise InputError(
                f"{self.url} serves another model as {self.model!r} than {folder} holds: the likeliest next tokens of "
                f"{len(differences)} prompts differ by {difference:.2f} nats in the mean (limit {MAX_DIFFERENCE})"
            )

    def _complete(self, ids: Sequence[int], sampling: Sampling) -> Generated:
        given: dict[str, Any] = {
            "prompt": list(ids),
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "seed": sampling.seed,
        }
        if sampling.stops:
            given["stop"] = list(sampling.stops)
        choice, tokens = self._ask(given)
        return cut_at_stops(str(choice["text"]), choice.get("finish_reason") == "stop", tokens, sampling.stops)

    def _ask(self, given: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Return the one continuation of a prompt, as the server describes it, and the tokens it took."""
        answer = self._server.call("completions", {"model": self.model, **given})
        choices = answer.get("choices")
        if not (isinstance(choices, list) and len(choices) == 1 and "text" in choices[0]):
            raise InputError(f"{self.url}: expected one choice with a text, found {str(answer)[:200]}")
        return choices[0], int((answer.get("usage") or {}).get("completion_tokens") or 0)


def _log_probabilities(about: dict[str, Any]) -> list[float]:
    """Return those of the tokens of a completion, whichever of OpenAI's two forms a server answers with.

    vLLM answers `/v1/completions` with lists of their own, llama.cpp with one entry per token as in chat completions.
    """
    found = about.get("token_logprobs") or [entry["logprob"] for entry in about.get("content") or []]
    return [float(value) for value in found]
