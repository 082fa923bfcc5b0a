"""Figures of a Corpus and a tokenizer: counts over all corpora, compression from where it was measured best."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.figures.corpus_figures import Compression, compression_of, masked_by_kind
from hanhua.figures.shown_texts import SHOWN_CHARACTERS, fit_to_show, printable, printable_data, rejected_samples
from hanhua.filtering.pii import build_masker
from hanhua.services import Services

MASKED = st.dictionaries(st.sampled_from(["MOBILE", "EMAIL", "QQ"]), st.integers(1, 9))
ANY = st.text(alphabet="文ab \n\x00\x1b\u202e\u2066\ud800\ufffe\r\t", max_size=40)


@given(st.dictionaries(st.sampled_from(["zh", "en", "web"]), MASKED))
def test_what_was_masked_adds_up_over_corpora_most_first(corpora: dict[str, dict[str, int]]) -> None:
    found = masked_by_kind({"corpora": {name: {"masked": masked} for name, masked in corpora.items()}})
    assert Counter(found) == sum(map(Counter, corpora.values()), Counter())
    assert list(found.items()) == sorted(found.items(), key=lambda item: (-item[1], item[0]))
    assert masked_by_kind({}) == masked_by_kind({"corpora": {"zh": {"masked": None}}}) == {}


def fertility(**by_corpus: float) -> dict[str, dict[str, float]]:
    return {name: {"characters_per_token": value} for name, value in by_corpus.items()}


def test_compression_is_the_evaluation_s_or_else_the_learner_s() -> None:
    facts = {"compression": {"heldout": {"zh": {"base": 1.0, "extended": 1.5}}}}
    scores = {"fertility": {"base": fertility(zh=1.1, en=4.0), "extended": fertility(zh=1.6)}}
    assert compression_of(facts, scores) == [Compression("zh", 1.1, 1.6), Compression("en", 4.0, None)]
    assert compression_of(facts, {}) == compression_of(facts, None) == [Compression("zh", 1.0, 1.5)]
    assert compression_of(None, None) == []


@given(st.floats(0.1, 9), st.none() | st.floats(0.1, 9))
def test_a_gain_is_a_ratio_where_both_are_known(base: float, extended: float | None) -> None:
    gain = Compression("zh", base, extended).gain
    assert gain == (None if extended is None else pytest.approx(extended / base))


@given(ANY)
def test_what_is_printed_keeps_its_length_and_has_no_controls(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text) and printable(shown) == shown
    assert not set(shown) & set("\x00\x1b\u202e\u2066\ud800\ufffe\r")
    shown.encode()
    data = {text: [text, {"x": (text, 1, None, True)}]}
    assert json.loads(json.dumps(printable_data(data))) == {shown: [shown, {"x": [shown, 1, None, True]}]}


@given(ANY, st.integers(0, 260))
def test_a_shown_text_is_short_masked_and_the_same_when_shown_again(text: str, before: int) -> None:
    services = Services(masker=build_masker())
    shown = fit_to_show("今" * before + "，13800138000，" + text, services=services)
    assert len(shown) <= SHOWN_CHARACTERS + 1 and "1380" not in shown
    assert fit_to_show(shown, services=services) == shown


def test_corpora_take_turns_among_samples(tmp_path: Path) -> None:
    (tmp_path / "rejected").mkdir()
    rows = [
        {"id": f"{corpus}{n}", "corpus": corpus, "reason": "entropy", "value": 2.34567, "text": "字"}
        for corpus in ("a", "b")
        for n in range(3)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "rejected" / "samples.jsonl").write_text(lines, encoding="utf-8")
    found = rejected_samples(tmp_path, per_reason=4, services=Services())
    assert [row["id"] for row in found["entropy"]] == ["a0", "b0", "a1", "b1"]
    assert found["entropy"][0]["value"] == "2.346"
    assert rejected_samples(tmp_path, per_reason=0, services=Services()) == {}
    assert rejected_samples(tmp_path / "nowhere", per_reason=4, services=Services()) == {}
