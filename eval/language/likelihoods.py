"""Likelihoods of held-out documents, in windows of tokens or of characters."""

from __future__ import annotations

from collections.abc import Sequence

from hanhua.documents import Document
from hanhua.eval.engine.requests import OnDone, ScoredInput
from hanhua.eval.engine.runner import Runner
from hanhua.eval.language.bits_per_byte import DocumentLikelihood, plan_character_windows, plan_windows


def score_documents(
    runner: Runner,
    documents: Sequence[Document],
    *,
    context_tokens: int,
    max_characters: int | None,
    context_characters: int | None = None,
    on_done: OnDone | None = None,
) -> list[DocumentLikelihood]:
    """Return the likelihood of each document, in the order given.

    context_tokens: text tokens that a window holds in addition to BOS, at most what the model was made for.
    context_characters: windows of that many characters instead, so that all tokenizers' models see the same text.
    """
    reader = runner.reader
    context_tokens = min(context_tokens, reader.max_tokens)
    texts = [document.text[:max_characters] for document in documents]
    encoded, starts = reader.encode_with_starts(texts)
    items, owners = [], []
    for number, ids in enumerate(encoded):
        windows = plan_windows(len(ids), context_tokens=context_tokens)
        if context_characters is not None:
            windows = plan_character_windows(
                starts[number], context_characters=context_characters, max_tokens=reader.max_tokens
            )
        for window in windows:
            # The last token is a target only, so BOS and context_tokens tokens need context_tokens inputs.
            inputs = (reader.bos_id, *ids[window.start : window.end - 1])
            items.append(ScoredInput(inputs, (tuple(ids[window.scored_from : window.end]),)))
            owners.append(number)
    nats = [0.0] * len(documents)
    for number, (likelihood,) in zip(owners, runner.score(items, greedy=False, on_done=on_done), strict=True):
        nats[number] -= likelihood.total
    return [
        DocumentLikelihood(document.id, document.source, len(text), len(text.encode()), len(ids), value)
        for document, text, ids, value in zip(documents, texts, encoded, nats, strict=True)
    ]
