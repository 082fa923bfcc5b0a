"""Log-likelihoods of given tokens: one batch, only the logits that are asked for, one forward pass shared.

Shape suffixes: B sequences, T positions, N scored positions, D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from hanhua.eval.engine.loaded_model import LoadedModel
from hanhua.eval.engine.requests import Likelihood, ScoredInput


def score_batch(
    model: LoadedModel, items: Sequence[ScoredInput], *, prefix_tokens: int, greedy: bool
) -> list[list[Likelihood]]:
    """Return the likelihood of every alternative of every item of one batch, in the order given.

    prefix_tokens: how many first tokens all items share; they are computed once and kept for the next batch.
    Without `greedy`, `is_greedy` is None: the best token of 128,256 needs another pass over the logits.
    """
    with torch.inference_mode():
        prefix = items[0].inputs[:prefix_tokens]
        rests = [item.inputs[prefix_tokens:] for item in items]
        hidden_BTD = model.hidden_states(rests, prefix=prefix)
        scored = [
            hidden_TD[len(rest) - len(item.targets[0]) : len(rest)]
            for hidden_TD, rest, item in zip(hidden_BTD, rests, items, strict=True)
        ]
        lengths = [len(hidden_ND) for hidden_ND in scored]
        log_z, best = model.head.log_normalizer(torch.cat(scored), best=greedy)
        bests = [None] * len(items) if best is None else best.split(lengths)
        return [
            _alternatives(model, item, hidden_ND, log_z_N, best_N)
            for item, hidden_ND, log_z_N, best_N in zip(items, scored, log_z.split(lengths), bests, strict=True)
        ]


def _alternatives(
    model: LoadedModel,
    item: ScoredInput,
    hidden_ND: torch.Tensor,
    log_z_N: torch.Tensor,
    best_N: torch.Tensor | None,
) -> list[Likelihood]:
    found = []
    for target in item.targets:
        tokens_N = torch.tensor(target, device=hidden_ND.device)
        log_p_N = (model.head.logits_of(hidden_ND, tokens_N) - log_z_N).double().cpu().numpy()
        found.append(Likelihood(log_p_N, None if best_N is None else bool((best_N == tokens_N).all())))
    return found


def best_log_probabilities(model: LoadedModel, prompts: Sequence[Sequence[int]]) -> list[float]:
    """Return the log-probability of the likeliest next token of each prompt."""
    found = []
    with torch.inference_mode():
        for ids in prompts:
            hidden_1D = model.hidden_states([ids])[0, -1:]
            log_z_1, best_1 = model.head.log_normalizer(hidden_1D, best=True)
            assert best_1 is not None
            found.append(float(model.head.logits_of(hidden_1D, best_1) - log_z_1))
    return found
