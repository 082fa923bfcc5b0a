"""Bits per byte: exact about windows, BOS, batches, padding and documents."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_eval import CHINESE
from tokenizers import Tokenizer

from hanhua.documents import Document
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.runner import open_runner, runner_of
from hanhua.eval.language.bits_per_byte import (
    DocumentLikelihood,
    documents_of,
    plan_character_windows,
    plan_windows,
    rows_of,
    summarise_documents,
)
from hanhua.eval.language.likelihoods import score_documents


def nats_by_hand(model: LoadedModel, text: str) -> float:
    """Return -ln p of a text behind BOS, by a plain forward pass over the whole of it."""
    ids = [model.bos_id, *model.encode([text])[0]]
    with torch.no_grad():
        log_p = torch.log_softmax(model.network(torch.tensor([ids])).logits[0, :, : model.tokens].double(), -1)
    return -sum(float(log_p[i, token]) for i, token in enumerate(ids[1:]))


def score(model: LoadedModel, documents: list[Document], **changes: object) -> list[DocumentLikelihood]:
    settings: dict[str, object] = {"context_tokens": 1024, "max_characters": None, **changes}
    runner = runner_of(model, batch_size=settings.pop("batch_size", 4))  # type: ignore[arg-type]
    return score_documents(runner, documents, **settings)  # type: ignore[arg-type]


@given(tokens=st.integers(0, 200), context=st.integers(2, 50))
def test_each_token_is_scored_once_with_half_a_window_before_it(tokens: int, context: int) -> None:
    scored: list[int] = []
    for window in plan_windows(tokens, context_tokens=context):
        assert window.start <= window.scored_from < window.end
        assert window.end - window.start <= context
        before = window.scored_from - window.start
        assert window.start == 0 or before >= context // 2
        scored += range(window.scored_from, window.end)
    assert scored == list(range(tokens))


@settings(deadline=None)
@given(lengths=st.lists(st.integers(0, 3), max_size=120), context=st.integers(2, 40), most=st.integers(3, 30))
def test_character_windows_score_each_token_once_behind_enough_text(
    lengths: list[int], context: int, most: int
) -> None:
    # A token of length 0 is a further piece of the character before it.
    starts = [sum(lengths[:n]) for n in range(len(lengths))]
    windows = plan_character_windows(starts, context_characters=context, max_tokens=most)
    scored: list[int] = []
    for window in windows:
        assert 0 <= window.start <= window.scored_from < window.end
        assert window.end - window.start <= most
        spanned = starts[window.end - 1] - starts[window.start]
        assert spanned <= 2 * max(context // 2, 1)
        scored += range(window.scored_from, window.end)
    assert scored == list(range(len(starts)))


def test_two_tokenizers_see_the_same_text_before_each_step(tokenizer: Tokenizer, extended: Tokenizer) -> None:
    text, seen = CHINESE[0] * 6, []
    for one in (tokenizer, extended):
        starts = [start for start, _ in one.encode(text, add_special_tokens=False).offsets]
        windows = plan_character_windows(starts, context_characters=40, max_tokens=1000)
        seen.append([starts[window.scored_from] // 20 for window in windows])
    assert seen[0] == seen[1]


def test_equals_a_sum_by_hand(base_model: LoadedModel, documents: list[Document]) -> None:
    for document, found in zip(documents, score(base_model, documents), strict=True):
        assert found.nats == pytest.approx(nats_by_hand(base_model, document.text), rel=1e-6)
        assert (found.characters, found.bytes) == (len(document.text), len(document.text.encode()))


def test_windows_of_a_long_document_equal_a_sum_by_hand(base_model: LoadedModel, documents: list[Document]) -> None:
    text, context = documents[5].text, 32
    ids = base_model.encode([text])[0]
    assert len(ids) > 3 * context
    nats = 0.0
    for window in plan_windows(len(ids), context_tokens=context):
        inside = torch.tensor([[base_model.bos_id, *ids[window.start : window.end]]])
        with torch.no_grad():
            log_p = torch.log_softmax(base_model.network(inside).logits[0].double(), -1)
        # Position i of the window, BOS included, predicts token window.start + i.
        nats -= sum(float(log_p[t - window.start, ids[t]]) for t in range(window.scored_from, window.end))
    (found,) = score(base_model, [documents[5]], context_tokens=context)
    assert found.nats == pytest.approx(nats, rel=1e-6)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batch_size_changes_nothing(base_model: LoadedModel, documents: list[Document], batch_size: int) -> None:
    one = [found.nats for found in score(base_model, documents, batch_size=2, context_tokens=48)]
    other = [found.nats for found in score(base_model, documents, batch_size=batch_size, context_tokens=48)]
    assert other == pytest.approx(one, rel=1e-6)


def test_neighbors_change_nothing(base_model: LoadedModel, documents: list[Document]) -> None:
    alone = [score(base_model, [document])[0].nats for document in documents]
    assert [found.nats for found in score(base_model, documents[::-1])][::-1] == pytest.approx(alone, rel=1e-6)


def test_the_window_changes_nothing_for_shorter_documents(base_model: LoadedModel, documents: list[Document]) -> None:
    longest = max(len(ids) for ids in base_model.encode([d.text for d in documents]))
    one = [found.nats for found in score(base_model, documents, context_tokens=longest)]
    assert [found.nats for found in score(base_model, documents)] == pytest.approx(one, rel=1e-6)


@pytest.mark.parametrize("extend", [False, True])
@pytest.mark.parametrize("padded_rows", [0, 6])
def test_a_uniform_model_pays_log2_v_a_token(
    make_model: Callable[..., ModelFolder], documents: list[Document], extend: bool, padded_rows: int
) -> None:
    folder = make_model("uniform", uniform=True, extend=extend, padded_rows=padded_rows)
    found = score(load_model(folder), documents, context_tokens=40)
    summary = summarise_documents(found, seed=0)
    # V counts the tokens a text can reach, not the rows that pad the matrix; BOS itself is not paid for.
    expected = summary["tokens"] * math.log2(folder.tokens) / summary["bytes"]
    assert summary["bits_per_byte"] == pytest.approx(expected, rel=1e-6)
    assert summary["bits_per_character"] * summary["characters"] == pytest.approx(
        summary["bits_per_byte"] * summary["bytes"]
    )


def test_every_tokenizer_reads_the_same_characters(
    base_model: LoadedModel, make_model: Callable[..., ModelFolder], documents: list[Document]
) -> None:
    longer = load_model(make_model("longer", extend=True))
    base, extended = (score(model, documents, max_characters=70) for model in (base_model, longer))
    assert [d.characters for d in base] == [d.characters for d in extended] == [min(len(d.text), 70) for d in documents]
    assert sum(d.tokens for d in extended) < sum(d.tokens for d in base)


@pytest.mark.slow
def test_process_count_changes_nothing(base: ModelFolder, documents: list[Document]) -> None:
    found = []
    for processes in (1, 2):
        with open_runner(base, batch_size=2, processes=processes, threads=1) as runner:
            scored = score_documents(runner, documents, context_tokens=48, max_characters=None)
            found.append(summarise_documents(scored, seed=0)["bits_per_byte"])
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_a_whole_context_of_characters_is_a_whole_context_of_tokens(
    base_model: LoadedModel, documents: list[Document]
) -> None:
    longest = max(len(d.text) for d in documents)
    assert score(base_model, documents, context_characters=longest) == score(base_model, documents)
    shorter = score(base_model, documents, context_characters=20)
    assert [d.tokens for d in shorter] == [d.tokens for d in score(base_model, documents)]
    assert sum(d.nats for d in shorter) != sum(d.nats for d in score(base_model, documents))


def test_partial_characters_are_counted_once(base_model: LoadedModel) -> None:
    # Characters the tokenizer has no token for: each is spelled by several pieces of its bytes.
    document = Document(id="d", text="龘靐齉🀄", corpus="zh", split="heldout")
    (ids,) = base_model.encode([document.text])
    assert len(ids) > 2 * len(document.text)
    (found,) = score(base_model, [document])
    assert (found.characters, found.bytes, found.tokens) == (4, 13, len(ids))
    decoded = sum(len(base_model.tokenizer.decode([i]).encode()) for i in ids)
    assert decoded > found.bytes, "decoding token by token over-counts, which is why bytes are the text's own"


def test_bos_is_not_paid_for(base_model: LoadedModel) -> None:
    document = Document(id="d", text="清", corpus="zh", split="heldout")
    (found,) = score(base_model, [document])
    (ids,) = base_model.encode(["清"])
    assert found.tokens == len(ids)
    assert found.nats == pytest.approx(nats_by_hand(base_model, "清"), rel=1e-6)


def test_special_tokens_spelled_out_are_text(base_model: LoadedModel) -> None:
    text = "结尾写作<|end_of_text|>，仍是正文。"
    (ids,) = base_model.encode([text])
    assert base_model.tokenizer.eos_token_id not in ids
    assert base_model.tokenizer.decode(ids) == text


def test_a_corpus_is_a_sum_not_a_mean_of_documents() -> None:
    found = [DocumentLikelihood("a", "x", 10, 30, 5, 10.0), DocumentLikelihood("b", "y", 90, 90, 60, 20.0)]
    summary = summarise_documents(found, seed=0)
    assert summary["bits_per_character"] == pytest.approx(30 / math.log(2) / 100)
    assert summary["bits_per_byte"] == pytest.approx(30 / math.log(2) / 120)
    assert summary["by_source"] == pytest.approx({"x": 1 / math.log(2), "y": 20 / math.log(2) / 90})
    low, high = summary["interval"]
    assert low <= summary["bits_per_character"] <= high
    low, high = summary["bits_per_byte_interval"]
    assert low < summary["bits_per_byte"] < high
    assert summarise_documents(found[:1], seed=0)["interval"] is None
    assert documents_of(rows_of(found)) == found
