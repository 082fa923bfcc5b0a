"""Fertility: corpus sums, by source, for any tokenizer."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer

from hanhua.documents import Document
from hanhua.encoding import Encoder
from hanhua.eval.language.fertility import measure_fertility


def test_sums_and_sources(tokenizer: Tokenizer, documents: list[Document]) -> None:
    found = measure_fertility(Encoder(tokenizer), documents * 20)
    encoded = [len(tokenizer.encode(d.text, add_special_tokens=False).ids) for d in documents]
    assert found["tokens"] == 20 * sum(encoded)
    assert found["characters"] == 20 * sum(len(d.text) for d in documents)
    assert found["bytes"] == 20 * sum(len(d.text.encode()) for d in documents)
    assert found["characters_per_token"] == pytest.approx(found["characters"] / found["tokens"])
    for source in {d.source for d in documents}:
        own = [(len(d.text), n) for d, n in zip(documents, encoded, strict=True) if d.source == source]
        assert found["by_source"][source] == pytest.approx(sum(c for c, _ in own) / sum(n for _, n in own))


def test_an_extension_is_worth_something_on_chinese_and_nothing_on_english(
    tokenizer: Tokenizer, extended: Tokenizer, documents: list[Document]
) -> None:
    for corpus, gains in (("zh", True), ("en", False)):
        own = [d for d in documents if d.corpus == corpus]
        before, after = (measure_fertility(Encoder(t), own)["characters_per_token"] for t in (tokenizer, extended))
        assert (after > before) if gains else (after == before)


def test_no_documents_is_no_division_by_zero(tokenizer: Tokenizer) -> None:
    assert measure_fertility(Encoder(tokenizer), [])["characters_per_token"] == 0
