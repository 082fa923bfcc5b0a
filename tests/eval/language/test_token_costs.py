"""What tokens cost: context, cache, words cut by tokens, prompts cut in mid-word."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tokenizers import Tokenizer

from hanhua.documents import Document
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.language.token_costs import token_costs, words_cut_by_tokens
from hanhua.eval.language.truncated_prompts import (
    BEFORE_CHARACTERS,
    BEHIND_CHARACTERS,
    score_cuts,
    summarise_cuts,
)


def chinese(documents: list[Document]) -> list[Document]:
    return [document for document in documents if document.corpus == "zh"]


def test_context_and_cache_in_characters(base: ModelFolder) -> None:
    costs = token_costs(base, {"characters_per_token": 2.0})
    assert costs["context_characters"] == 2048
    # Two layers, two heads of eight numbers of two bytes, keys and values: 128 bytes a token, 500 tokens.
    assert costs["kv_cache_mib_per_1000_characters"] == pytest.approx(128 * 500 / 1024**2)


def test_word_ends_inside_tokens(tokenizer: Tokenizer, extended: Tokenizer) -> None:
    # 老人 and 时间 are words and tokens; nothing of 很长的时间 is cut, while 运动会 lies across 运动|会议.
    document = Document(id="d", text="运动会议很多，老人的时间很长", corpus="zh")
    before, after = (words_cut_by_tokens(one, [document], max_characters=None) for one in (tokenizer, extended))
    assert before["word_ends"] == after["word_ends"] >= 4
    assert (before["inside_tokens"], after["inside_tokens"]) == (0, 1)
    assert words_cut_by_tokens(extended, [], max_characters=None)["share"] == 0


def nats(model: LoadedModel, ids: list[int]) -> float:
    with torch.no_grad():
        log_p = torch.log_softmax(model.network(torch.tensor([[model.bos_id, *ids]])).logits[0].double(), -1)
    return -sum(float(log_p[n, token]) for n, token in enumerate(ids))


def test_cuts_cost_what_the_other_tokens_cost(
    make_model: Callable[..., ModelFolder], documents: list[Document]
) -> None:
    model = load_model(make_model("extended", seed=5, extend=True))
    texts = {document.id: document.text for document in chinese(documents)}
    cuts = score_cuts(runner_of(model, batch_size=4), chinese(documents), max_prompts=20, seed=0)
    assert len(cuts) == 20
    for cut in cuts:
        text = texts[cut.id]
        left = text[max(cut.place - BEFORE_CHARACTERS, 0) : cut.place]
        right = text[cut.place : cut.place + BEHIND_CHARACTERS]
        whole, before, behind = model.encode([left + right, left, right])
        assert cut.inside == (whole != before + behind)
        expected = nats(model, before + behind) - nats(model, whole)
        assert cut.nats_cut - cut.nats_whole == pytest.approx(expected, abs=1e-3)
    summary = summarise_cuts(cuts, seed=0)
    assert summary["inside"] == sum(cut.inside for cut in cuts) > 0
    assert summary["bits_lost"] == pytest.approx(summary["bits_lost_inside"] * summary["inside"] / 20)
    assert score_cuts(runner_of(model, batch_size=4), [], max_prompts=5, seed=0) == []
