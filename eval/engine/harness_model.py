"""The LM class for lm_eval's own tasks: pairs are encoded as its Hugging Face backend does, so that scores compare.

Elsewhere prompt and option are encoded apart (see `ScoringLM`). Published scores of lm_eval encode them as one string,
with BOS only where the tokenizer puts it; so a score that is to be compared with those must do the same.
"""

from __future__ import annotations

from typing import Any

from lm_eval.api.model import TemplateLM

from hanhua.eval.engine.language_model import ScoringLM
from hanhua.eval.engine.requests import OnDone
from hanhua.eval.engine.runner import Runner


class HarnessLM(ScoringLM):
    """Scores and generates with one model, token for token as lm_eval's `HFLM` would."""

    backend = "causal"

    def __init__(self, runner: Runner, *, on_done: OnDone | None = None) -> None:
        """Score and generate with a runner's model."""
        super().__init__(runner, on_done=on_done)
        self._encoded: dict[tuple[str, bool | None], list[int]] = {}

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Encode as the tokenizer does by itself; a BOS that a chat template has written is not doubled."""
        key = (string, add_special_tokens)
        if key not in self._encoded:
            bos = self.tokenizer.bos_token
            begun = add_special_tokens is None and bool(bos) and string.startswith(bos)
            special = add_special_tokens if add_special_tokens is not None else not begun
            ids = self.tokenizer(string, add_special_tokens=special, verbose=False)["input_ids"]
            self._encoded[key] = list(ids)
        return self._encoded[key]

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Return (log-likelihood, is greedy) for each (context, continuation)."""
        self.pairs += len(requests)
        found: list[tuple[float, bool]] = TemplateLM.loglikelihood(self, requests, disable_tqdm=disable_tqdm)
        self._encoded.clear()
        return found

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **kwargs: Any
    ) -> list[tuple[float, bool]]:
        self.truncated |= {pair for pair, context, ids in requests if self._is_too_long(context, ids)}
        return super()._loglikelihood_tokens(requests, **kwargs)

    def _is_too_long(self, context: list[int], continuation: list[int]) -> bool:
        return len(context) + len(continuation) > self.max_length + 1

    def _fit(self, tokens: tuple[int, ...], *, keep: int) -> tuple[int, ...]:
        """Drop what does not fit from the left, BOS too, as lm_eval does."""
        if keep > self.max_length:
            raise ValueError(f"a continuation of {keep + 1} tokens does not fit a model made for {self.max_length}")
        return tokens[-self.max_length :]

    def _prompt(self, text: str) -> list[int]:
        return self.tok_encode(text)
