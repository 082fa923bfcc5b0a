"""The rule as a table: sizes with planted figures, near misses on both sides of each limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanhua.vocab_extension.measuring.model_shape import SHAPES, ModelShape
from hanhua.vocab_extension.measuring.recommend import MEASURED_COST, Recommendation, Rule, recommend
from hanhua.vocab_extension.measuring.size_curve import LastStep, SizeCurve
from hanhua.vocab_extension.measuring.sweep import SizeRow, Sweep
from hanhua.vocab_extension.measuring.sweep_costs import costs_of
from hanhua.vocab_extension.measuring.times_seen import Budget, TimesSeen
from hanhua.vocab_extension.pretoken_limit import PretokenLimit

CHARACTERS = 1_000_000
BASE_TOKENS = 800_000


def sweep_of(*planted: tuple[int, float, float], shape: ModelShape = SHAPES["8b"], never: float = 0.0) -> Sweep:
    """Size 0, and one size for each (new tokens, gain, share seen often enough)."""
    rows: list[SizeRow] = []
    for new_tokens, gain, share in ((0, 1.0, 1.0), *planted):
        tokens = round(BASE_TOKENS / gain)
        before = rows[-1] if rows else None
        step = (gain / before.gain - 1) / (new_tokens - before.new_tokens) * 1000 if before else 0.0
        seen = TimesSeen(1500.0, 500.0, share, int(share * new_tokens), never, 2.0)
        rows.append(
            SizeRow(
                new_tokens=new_tokens,
                characters_per_token=CHARACTERS / tokens,
                characters_per_token_interval=None,
                gain=gain,
                gain_interval=(gain - 0.01, gain + 0.01) if new_tokens else (1.0, 1.0),
                step_gain_per_1000=step,
                step_gain_per_1000_interval=None,
                by_file={},
                boundaries_inside=0.1,
                tokens_to_train=tokens,
                tokens_saved=BASE_TOKENS - tokens,
                costs=costs_of(shape, new_tokens, base_tokens=BASE_TOKENS, tokens=tokens, characters=CHARACTERS),
                times_seen=seen if new_tokens else None,
            )
        )
    curve = SizeCurve((0, 1024, 2048, 3072), (100_000, 95_000, 94_600, 94_590))
    limit = PretokenLimit(CHARACTERS, 200_000, 600_000, 100_000)
    budget = Budget(megabytes=20)
    return Sweep(tuple(rows), 100, CHARACTERS, 3 * CHARACTERS, CHARACTERS, budget, 7e6, shape, curve, limit)


GOOD = ((4096, 1.2, 0.95), (8192, 1.3, 0.95))


def advised(*planted: tuple[int, float, float], rule: Rule = Rule()) -> Recommendation:  # noqa: B008
    return recommend(sweep_of(*planted), rule)


@pytest.mark.parametrize(
    ("planted", "size"),
    [
        (GOOD, 8192),
        # Seen: nine in ten, inclusive.
        (((4096, 1.2, 0.9), (8192, 1.3, 0.9)), 8192),
        (((4096, 1.2, 0.9), (8192, 1.3, 0.8999)), 4096),
        (((4096, 1.2, 0.8999), (8192, 1.3, 0.95)), 0),
        # Step: 0.1% for each 1,000 tokens is 0.4096% for 4,096.
        (((4096, 1.2, 0.95), (8192, 1.2 * 1.00411, 0.95)), 8192),
        (((4096, 1.2, 0.95), (8192, 1.2 * 1.00408, 0.95)), 4096),
        # A later size that would hold again does not count: the walk has ended.
        (((4096, 1.2, 0.95), (8192, 1.2, 0.95), (16384, 1.5, 0.95)), 4096),
        # Gain: the low end of the interval, 0.01 below, is at least 1.05.
        (((4096, 1.0601, 0.95),), 4096),
        (((4096, 1.0599, 0.95),), 0),
        # A small size may gain little when a larger one gains enough.
        (((1024, 1.03, 0.95), (4096, 1.1, 0.95)), 4096),
        (((1024, 1.03, 0.95), (4096, 1.1, 0.5)), 0),
        (((4096, 0.999, 0.95),), 0),
    ],
)
def test_the_advice(planted: tuple[tuple[int, float, float], ...], size: int) -> None:
    found = advised(*planted)
    assert found.new_tokens == size
    assert found.words[0] == (f"Extend by {size:,} tokens." if size else "Do not extend the vocabulary.")
    assert len(found.words) > 1


def test_the_limits_are_options() -> None:
    assert advised((4096, 1.2, 0.95), rule=Rule(min_gain=1.3)).new_tokens == 0
    assert advised(*GOOD, rule=Rule(min_step=0.03)).new_tokens == 4096


def test_rows_that_cost_a_small_model_more_compute_than_they_save_are_not_advised() -> None:
    planted = ((4096, 1.2, 0.95), (65_536, 1.2 * 1.065, 0.95))
    narrow = replace(SHAPES["1b"], layers=2)
    assert recommend(sweep_of(*planted), Rule()).new_tokens == 65_536
    found = recommend(sweep_of(*planted, shape=narrow), Rule())
    assert found.new_tokens == 4096
    assert "cost the head more compute" in found.words[-2]


def test_the_reasons_state_the_numbers_of_the_rule() -> None:
    no = " ".join(advised((4096, 1.2, 0.25), rule=Rule(min_seen=700)).words)
    assert "only 25.0% would be seen 700 times or more in 20 MB (90% wanted)" in no
    assert "about 40 MB of such text would do" in no
    assert "About 1,024 of the 4,096 would be seen often enough" in no
    yes = " ".join(advised(*GOOD).words)
    assert MEASURED_COST in no and MEASURED_COST in yes
    assert "gain 1.300×" in yes
    assert "8,192 is the largest size of this sweep" in yes
    flat = " ".join(advised((4096, 1.2, 0.95), (8192, 1.2012, 0.95)).words)
    assert "by only 0.02% for each 1,000 tokens (0.10% wanted)" in flat


def test_a_list_learned_from_other_text_is_said_to_be_one() -> None:
    found = recommend(sweep_of((4096, 1.2, 0.25), never=0.4), Rule())
    assert "40% are not in the text they were counted in" in found.words[1]
    assert "of such text would do" not in found.words[1]
    assert "name text like that to be trained on" in found.words[2]


def test_verdicts_say_which_condition_failed() -> None:
    first, second = advised((4096, 1.2, 0.95), (8192, 1.2, 0.5)).verdicts
    assert first.holds
    assert (second.seen, second.step, second.flops, second.gain) == (False, False, False, True)


def test_the_size_by_share_is_named_beside_the_advice() -> None:
    found = advised(*GOOD)
    assert found.by_share == LastStep(1024, 400 / 95_000)
    assert "1,024 is the first size at which another 1,024 tokens save less than 0.50%" in found.words[-1]
    assert advised(*GOOD, rule=Rule(min_next=0.001)).by_share == LastStep(2048, 10 / 94_600)
    none = advised(*GOOD, rule=Rule(min_next=0.0))
    assert none.by_share is None
    assert "up to 3,072, every 1,024 tokens save 0.00% or more" in none.words[-1]
