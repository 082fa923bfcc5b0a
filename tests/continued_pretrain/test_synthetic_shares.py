"""Shares of synthetic text: up to the measured bounds by default, as asked within them, never all without a flag."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hanhua.config_fields import key_config
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.synthetic_settings import SyntheticShares
from hanhua.continued_pretrain.synthetic_shares import mixed_shares
from hanhua.errors import InputError

REAL = {"zh": 80, "en": 20}


def mixed(synthetic: dict[str, int], settings: SyntheticShares | None = None, **weights: float) -> dict[str, float]:
    sequences = REAL | {f"synthetic_{form}": count for form, count in synthetic.items()}
    return mixed_shares(weights, sequences, length=8, settings=settings or SyntheticShares())


def test_without_synthetic_text_nothing_changes() -> None:
    assert mixed({}, zh=3, en=1) == {"zh": 0.75, "en": 0.25}


def test_what_is_there_is_used_and_real_text_keeps_its_proportions() -> None:
    shares = mixed({"faq": 25}, zh=0.8, en=0.2)
    assert shares == pytest.approx({"zh": 0.64, "en": 0.16, "synthetic_faq": 0.2})
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("form", "bound"), [("faq", 0.6), ("tutorial", 0.6), ("table", 0.7), ("word_problem", 0.8), ("rewrite", 0.6)]
)
def test_however_much_there_is_a_form_stays_within_its_measured_bound(form: str, bound: float) -> None:
    assert mixed({form: 100_000})[f"synthetic_{form}"] == pytest.approx(bound)
    assert mixed({form: 10})[f"synthetic_{form}"] == pytest.approx(10 / 110)


def test_several_forms_share_one_bound_and_leave_real_text() -> None:
    shares = mixed({"faq": 500, "word_problem": 500})
    faq, problems = shares["synthetic_faq"], shares["synthetic_word_problem"]
    assert faq / 0.6 + problems / 0.8 == pytest.approx(1)
    assert faq == pytest.approx(problems) and shares["zh"] + shares["en"] == pytest.approx(1 - faq - problems)


def test_shares_that_are_asked_for_are_taken_and_checked() -> None:
    asked = SyntheticShares(shares={"faq": 0.3, "table": 0.2})
    shares = mixed({"faq": 9, "table": 9, "tutorial": 9}, asked)
    assert (shares["synthetic_faq"], shares["synthetic_table"]) == (0.3, 0.2)
    assert "synthetic_tutorial" not in shares and shares["zh"] == pytest.approx(0.4)
    with pytest.raises(InputError, match=r"shares\.table is 0\.2, but the train split has no sequence"):
        mixed({"faq": 9}, asked)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shares": {"faq": 0.6, "table": 0.4}}, "leaves no real text"),
        ({"shares": {"faq": 0.7}}, "117% of their bounds"),
        ({"shares": {"faq": 0.4, "table": 0.4}}, "lower them, or raise max_shares"),
        ({"shares": {"faq": -0.1}}, "a share is from 0 to 1"),
        ({"max_shares": {"faq": 1.2}}, "a share is from 0 to 1"),
    ],
)
def test_all_synthetic_and_more_than_was_measured_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ContinuedPretrainConfig.model_validate({"synthetic": settings})


def test_only_synthetic_text_needs_a_flag() -> None:
    alone = {"synthetic_faq": 30, "synthetic_table": 10}
    with pytest.raises(InputError, match="synthetic text alone"):
        mixed_shares({}, alone, length=8, settings=SyntheticShares())
    allowed = SyntheticShares(allow_only_synthetic=True)
    assert mixed_shares({}, alone, length=8, settings=allowed) == {"synthetic_faq": 0.75, "synthetic_table": 0.25}
    assert SyntheticShares(shares={"faq": 1.0}, allow_only_synthetic=True).shares == {"faq": 1.0}


def test_a_bound_of_ones_own_counts_for_its_form_alone() -> None:
    raised = SyntheticShares(max_shares={"faq": 0.9})
    assert mixed({"faq": 100_000}, raised)["synthetic_faq"] == pytest.approx(0.9)
    assert mixed({"table": 100_000}, raised)["synthetic_table"] == pytest.approx(0.7)
    assert "synthetic_faq" not in mixed({"faq": 100_000}, SyntheticShares(max_shares={"faq": 0}))


def test_a_corpus_that_the_recipe_weighs_is_no_synthetic_one() -> None:
    shares = mixed({"news": 300}, zh=0.5, en=0.25, synthetic_news=0.25)
    assert shares == {"zh": 0.5, "en": 0.25, "synthetic_news": 0.25}


def test_the_key_of_a_training_without_it_is_as_ever() -> None:
    assert "synthetic" not in key_config(ContinuedPretrainConfig())
    assert "synthetic" in key_config(ContinuedPretrainConfig(synthetic=SyntheticShares(shares={"faq": 0.1})))
