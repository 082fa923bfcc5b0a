"""Log-likelihoods of given tokens: batched by length, only the logits that are asked for, one forward shared.

Shapes: B sequences, T positions, N scored positions, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hanhua.documents import Document
from hanhua.eval.bits_per_byte import DocumentLikelihood, plan_windows
from hanhua.eval.loaded_model import LoadedModel

OnDone = Callable[[int, int], None]
"""Told after each batch how much it finished, and how much there is: input tokens, or prompts."""


@dataclass(frozen=True)
class ScoredInput:
    """Tokens to run once, and one or more continuations to score against the last positions.

    inputs: token ids fed to the model, BOS included. targets: alternatives, all of the same length k ≥ 1;
    `targets[a][j]` is what the position `len(inputs) - k + j` should predict.

    The four letters of a multiple-choice question are four alternatives of length 1 on one input.
    """

    inputs: tuple[int, ...]
    targets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Likelihood:
    """Natural log-probabilities of one continuation, one per token, and whether greedy decoding gives it."""

    log_probabilities: npt.NDArray[np.float64]
    is_greedy: bool | None

    @property
    def total(self) -> float:
        """Log-likelihood of the whole continuation, in nats."""
        return float(self.log_probabilities.sum())


def score_inputs(
    model: LoadedModel,
    items: Sequence[ScoredInput],
    *,
    batch_size: int,
    greedy: bool = True,
    on_done: OnDone | None = None,
) -> list[list[Likelihood]]:
    """Return the likelihood of every alternative of every item, in the order given.

    Longest first, so that the peak of memory comes at once and the time left is over- not underestimated.
    Without `greedy`, `is_greedy` is None: the best token of 128,256 needs a second pass over the vocabulary.
    """
    results: list[list[Likelihood]] = [[] for _ in items]
    total = sum(len(item.inputs) for item in items)
    order = sorted(range(len(items)), key=lambda i: (-len(items[i].inputs), i))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        with torch.inference_mode():
            scored = _score_batch(model, [items[i] for i in batch], greedy=greedy)
        for i, likelihoods in zip(batch, scored, strict=True):
            results[i] = likelihoods
        if on_done is not None:
            on_done(sum(len(items[i].inputs) for i in batch), total)
    return results


def score_documents(
    model: LoadedModel,
    documents: Sequence[Document],
    *,
    context_tokens: int,
    max_characters: int | None,
    batch_size: int,
    on_done: OnDone | None = None,
) -> list[DocumentLikelihood]:
    """Return the likelihood of each document, in the order given.

    context_tokens: text tokens a window holds beside BOS, at most what the model was made for.
    """
    context_tokens = min(context_tokens, model.max_tokens)
    texts = [document.text[:max_characters] for document in documents]
    encoded = model.encode(texts)
    items, owners = [], []
    for number, ids in enumerate(encoded):
        for window in plan_windows(len(ids), context_tokens=context_tokens):
            # The last token is a target only, so BOS and context_tokens tokens need context_tokens inputs.
            inputs = (model.bos_id, *ids[window.start : window.end - 1])
            items.append(ScoredInput(inputs, (tuple(ids[window.scored_from : window.end]),)))
            owners.append(number)
    nats = [0.0] * len(documents)
    scored = score_inputs(model, items, batch_size=batch_size, greedy=False, on_done=on_done)
    for number, (likelihood,) in zip(owners, scored, strict=True):
        nats[number] -= likelihood.total
    return [
        DocumentLikelihood(document.id, document.source, len(text), len(text.encode()), len(ids), value)
        for document, text, ids, value in zip(documents, texts, encoded, nats, strict=True)
    ]


def _score_batch(model: LoadedModel, items: Sequence[ScoredInput], *, greedy: bool) -> list[list[Likelihood]]:
    hidden_BTD = model.hidden_states([item.inputs for item in items])
    scored = [
        hidden_TD[len(item.inputs) - len(item.targets[0]) : len(item.inputs)]
        for hidden_TD, item in zip(hidden_BTD, items, strict=True)
    ]
    lengths = [len(hidden_ND) for hidden_ND in scored]
    together_ND = torch.cat(scored)
    log_z = model.head.log_normaliser(together_ND).split(lengths)
    best = model.head.best_tokens(together_ND).split(lengths) if greedy else [None] * len(items)
    return [
        [_likelihood(model, hidden_ND, target, log_z_N, best_N) for target in item.targets]
        for item, hidden_ND, log_z_N, best_N in zip(items, scored, log_z, best, strict=True)
    ]


def _likelihood(
    model: LoadedModel,
    hidden_ND: torch.Tensor,
    target: tuple[int, ...],
    log_z_N: torch.Tensor,
    best_N: torch.Tensor | None,
) -> Likelihood:
    tokens_N = torch.tensor(target, device=hidden_ND.device)
    log_p_N = (model.head.logits_of(hidden_ND, tokens_N) - log_z_N).double().cpu().numpy()
    return Likelihood(log_p_N, None if best_N is None else bool((best_N == tokens_N).all()))
