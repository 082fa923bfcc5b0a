"""The LM class that any lm_eval task runs on: exact, and no more logits or forward passes than needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lm_eval.api.model import TemplateLM

from hanhua.eval.engine.requests import Likelihood, OnDone, Sampling, ScoredInput
from hanhua.eval.engine.runner import Runner
from hanhua.eval.language.bits_per_byte import plan_windows

MAX_NEW_TOKENS = 256


class ScoringLM(TemplateLM):  # type: ignore[misc]
    """Scores and generates with one model.

    Context and continuation are encoded apart, with BOS in front of the context exactly once. Encoded as
    one string, a continuation may merge with the end of its context: never for Llama 3 on Chinese cloze
    tasks, in two of three pairs for a Chinese-rich vocabulary. What is scored would then depend on the
    vocabulary that is being judged. `crossings` counts the continuations where it would have.
    """

    def __init__(
        self, runner: Runner, *, joined: bool = False, in_chat: bool = False, on_done: OnDone | None = None
    ) -> None:
        """Score and generate with a runner's model.

        joined: score crossing pairs the other way too. in_chat: prompts are written by a chat template, so that special
        tokens in them are themselves and not text.
        """
        super().__init__()
        self.runner, self.reader = runner, runner.reader
        self.tokenizer = self.reader.tokenizer
        self.crossings = self.pairs = 0
        self.joined: dict[tuple[str, str], float] = {}
        self._score_joined, self._in_chat = joined, in_chat
        self.truncated: set[tuple[str, str]] = set()
        """Pairs of prompt and option, or prompts with "", that were cut on the left to fit the model."""
        self._on_done = on_done

    @property
    def eot_token_id(self) -> int:
        """The id that ends a text."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """The id in front of every text."""
        return self.reader.bos_id

    @property
    def max_length(self) -> int:
        """Longest input in tokens."""
        return self.reader.max_tokens

    @property
    def tokenizer_name(self) -> str:
        """Name by which lm_eval would key prompts through a chat template."""
        return self.reader.name

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Return a conversation as the tokenizer's own template writes it."""
        return str(
            self.tokenizer.apply_chat_template(
                chat_history,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
                enable_thinking=False,  # read by templates of models that think; the others know no such name
            )
        )

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Encode without BOS; one that a chat template has written is taken off, as it is added later."""
        begun = string.startswith(self.tokenizer.bos_token)
        if not (begun or self._in_chat):
            return self.reader.encode([string])[0]
        written = self.tokenizer(string, add_special_tokens=False, verbose=False)["input_ids"]
        return list(written)[begun:]

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Return (log-likelihood, is greedy) for each (context, continuation)."""
        encoded = self._encode_all(text for request in requests for text in request.args)
        pairs = [(str(request.args[0]), str(request.args[1])) for request in requests]
        whole = self._encode_all(context + continuation for context, continuation in pairs)
        tokens, crossing = [], []
        for pair in pairs:
            context, ids = encoded[pair[0]], encoded[pair[1]]
            if not ids:
                raise ValueError(f"an empty continuation after {pair[0][-40:]!r}")
            tokens.append((pair, context, ids))
            # A tokenizer that merges over the seam gives other ids for the whole than for the two parts.
            both = whole["".join(pair)]
            if both != context + ids:
                crossing.append((pair, context, both[len(context) :]))
        self.crossings += len(crossing)
        self.pairs += len(pairs)
        self.truncated |= {pair for pair, context, ids in tokens if self._is_too_long(context, ids)}
        if self._score_joined:
            # A continuation that is swallowed whole has no tokens of its own: there is nothing to score.
            scorable = [(pair, context, ids) for pair, context, ids in crossing if ids]
            found = self._loglikelihood_tokens(scorable)
            self.joined |= {pair: total for (pair, _, _), (total, _) in zip(scorable, found, strict=True)}
        return self._loglikelihood_tokens(tokens)

    def _encode_all(self, texts: Iterable[str]) -> dict[str, list[int]]:
        """Return the ids of each different text; those that a chat template has begun are encoded one by one."""
        different = list(dict.fromkeys(texts))
        bos = self.tokenizer.bos_token
        plain = [] if self._in_chat else [text for text in different if not text.startswith(bos)]
        encoded = dict(zip(plain, self.reader.encode(plain), strict=True))
        return {text: encoded[text] if text in encoded else self.tok_encode(text) for text in different}

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **kwargs: Any
    ) -> list[tuple[float, bool]]:
        """Score token ids, running each distinct input once: the four letters of a question share one."""
        shared: dict[tuple[tuple[int, ...], int], list[tuple[int, ...]]] = {}
        places = []
        for _, context, continuation in requests:
            inputs = self._fit((*context, *continuation[:-1]), keep=len(continuation) - 1)
            alternatives = shared.setdefault((inputs, len(continuation)), [])
            places.append(((inputs, len(continuation)), len(alternatives)))
            alternatives.append(tuple(continuation))
        items = [ScoredInput(inputs, tuple(targets)) for (inputs, _), targets in shared.items()]
        scored = dict(zip(shared, self._score(items), strict=True))
        results = (scored[key][place] for key, place in places)
        return [(likelihood.total, bool(likelihood.is_greedy)) for likelihood in results]

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """Return the log-likelihood of whole texts; P(BOS|BOS) is not in it."""
        items, owners = [], []
        for number, request in enumerate(requests):
            ids = self.tok_encode(request.args[0])
            for window in plan_windows(len(ids), context_tokens=self.max_length):
                inputs = (self.reader.bos_id, *ids[window.start : window.end - 1])
                items.append(ScoredInput(inputs, (tuple(ids[window.scored_from : window.end]),)))
                owners.append(number)
        totals = [0.0] * len(requests)
        for number, (likelihood,) in zip(owners, self._score(items), strict=True):
            totals[number] += likelihood.total
        return totals

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Return continuations, each cut before its first stop string; greedy unless the task samples."""
        by_sampling: dict[Sampling, list[int]] = {}
        for number, request in enumerate(requests):
            by_sampling.setdefault(sampling_of(request.args[1]), []).append(number)
        results = [""] * len(requests)
        for sampling, numbers in by_sampling.items():
            prompts = [self._prompt(str(requests[number].args[0])) for number in numbers]
            found = self.runner.generate(prompts, sampling, on_done=self._on_done)
            for number, generated in zip(numbers, found, strict=True):
                results[number] = generated.text
                if generated.truncated:
                    self.truncated.add((str(requests[number].args[0]), ""))
        return results

    def _prompt(self, text: str) -> list[int]:
        """Return the tokens that a reply is written behind."""
        return [self.reader.bos_id, *self.tok_encode(text)]

    def _is_too_long(self, context: list[int], continuation: list[int]) -> bool:
        return len(context) + len(continuation) > self.max_length

    def _fit(self, tokens: tuple[int, ...], *, keep: int) -> tuple[int, ...]:
        """Put BOS in front and drop what does not fit from the left, never the `keep` tokens at the end."""
        room = self.max_length - 1
        if len(tokens) <= room:
            return (self.reader.bos_id, *tokens)
        if keep > room:
            raise ValueError(f"a continuation of {keep + 1} tokens does not fit a model made for {self.max_length}")
        return (self.reader.bos_id, *tokens[len(tokens) - room :])

    def _score(self, items: list[ScoredInput]) -> list[list[Likelihood]]:
        return self.runner.score(items, on_done=self._on_done)


def sampling_of(options: dict[str, Any]) -> Sampling:
    """Return what lm_eval's generation settings ask for; 256 tokens where they name no length, as there."""
    stops: str | Iterable[str] = options.get("until") or ()
    return Sampling(
        max_new_tokens=int(options.get("max_gen_toks", MAX_NEW_TOKENS)),
        temperature=float(options.get("temperature", 0.0)) if options.get("do_sample") else 0.0,
        stops=(stops,) if isinstance(stops, str) else tuple(stops),
    )
