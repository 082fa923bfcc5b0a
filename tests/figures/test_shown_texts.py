"""Texts as they are shown: personal data masked before anything is cut, evidence of harm blotted out."""

from __future__ import annotations

from tiny_run import MOBILE

from hanhua.figures.shown_texts import SHOWN_HARMFUL_CHARACTERS, fit_to_show
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.pii import build_masker
from hanhua.services import Services


def test_a_number_at_the_cut_is_masked_whole() -> None:
    masker = build_masker()
    for before in range(180, 205):
        shown = fit_to_show("今" * before + MOBILE + "号码" * 200, services=Services(masker=masker))
        assert MOBILE[:4] not in shown, before


def test_harmful_evidence_is_blotted_out_when_a_scorer_is_given() -> None:
    text = "澳门赌场上线啦，真人百家乐，注册送彩金，首存即送，日返水无上限，加微信领取彩金，博彩平台。"
    scorer = build_harm_scorer()
    spans = scorer.score(text).spans
    assert spans
    shown = fit_to_show(text, services=Services(harm=scorer))
    for start, end in spans:
        assert text[start:end] not in shown or end > SHOWN_HARMFUL_CHARACTERS
    assert "■" in shown and len(shown) <= SHOWN_HARMFUL_CHARACTERS + 1
