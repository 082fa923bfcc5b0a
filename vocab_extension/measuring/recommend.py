"""Which of the sizes of a sweep to take, in words: a fixed rule, its numbers said aloud. None may be the answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from hanhua.vocab_extension.measuring.size_curve import STEP, LastStep
from hanhua.vocab_extension.measuring.sweep import SizeRow, Sweep

SHARE_SEEN = 0.9
MEASURED_COST = (
    "Quality at equal bytes is another matter: on little text, a small base that knew its Chinese had 5.3% more bits "
    "per byte of it when extended, 2.5% with its rows distilled first (continued_pretrain.row_distillation; "
    "docs/results/2026-11-28-evidence.md), and 1.3% with self-distillation and four times the "
    "operations (continued_pretrain.self_distillation; docs/results/2026-11-28-evidence-second-round.md). On "
    "SmolLM2-135M, adapted before and with 37 KB of text, it was a quarter more, and self-distillation took off a "
    "quarter of that (docs/results/2026-11-28-evidence-smollm2-adapted.md): `vocab-extension probe` and `hanhua "
    "evidence` measure yours."
)
"""What an extension cost where it was compared with none, and what closed most of the gap; said with every advice."""
MIN_SMALLER_SIZE = 256
"""Sizes are multiples of 256, so fewer good tokens than that are no size to try."""


@dataclass(frozen=True)
class Rule:
    """What a size must do to be advised; the walk goes up from the smallest and ends at the first that fails.

    min_seen: nine in ten of its new tokens are met so often in the training budget. Gowda and May (Findings of
    EMNLP 2020) advise, for models trained from nothing, the largest vocabulary with 95% of its types met 100
    times. Ten times as often here, since each new token takes the place of a spelling that the base has met
    incomparably more often, and its row learns from nothing but its own occurrences.

    min_step: by how much compression must rise from the size before, for each 1,000 tokens. 0.1% is what their
    rows add to the parameters of an 8B model. The FLOPs for a character must fall too.

    min_gain: the low end of the gain's interval. Below it the trouble of a tokenizer of one's own (every tool
    that loads the model, every adapter) is not worth it.

    min_next: named beside the advice is the first size at which another 1,024 tokens save less than this share of
    the text's tokens.
    """

    min_seen: int = 1000
    min_step: float = 0.001
    min_gain: float = 1.05
    min_next: float = 0.005


@dataclass(frozen=True)
class Verdict:
    """Of one size: which conditions of the rule hold."""

    new_tokens: int
    seen: bool
    step: bool
    flops: bool
    gain: bool

    @property
    def holds(self) -> bool:
        """Whether the walk goes on: everything but the gain, which is asked of the last size alone."""
        return self.seen and self.step and self.flops


@dataclass(frozen=True)
class Recommendation:
    """new_tokens: 0 for "do not extend". words: the advice, then the reasons, a sentence each.

    by_share: the size that `Rule.min_next` names; None when the list ends before.
    """

    new_tokens: int
    words: tuple[str, ...]
    rule: Rule
    verdicts: tuple[Verdict, ...]
    by_share: LastStep | None = None

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data."""
        return {**asdict(self), "extend": self.new_tokens > 0, "share_seen": SHARE_SEEN}


def recommend(sweep: Sweep, rule: Rule) -> Recommendation:
    """Return the largest size up to which every size holds, or none when its gain is too small."""
    rows = sweep.rows
    verdicts = tuple(_verdict(row, before, rule) for before, row in pairwise(rows))
    good = 0
    while good < len(verdicts) and verdicts[good].holds:
        good += 1
    chosen = good if good and verdicts[good - 1].gain else 0
    failed = rows[good + 1] if good < len(verdicts) else None
    if chosen:
        words = [_advice(rows[chosen]), *_what_it_buys(sweep, rows[chosen], rule), MEASURED_COST]
        words.append(f"Not more: {_why_not(sweep, rows, good, rule)}" if failed else _end_of_list(rows[chosen]))
    else:
        words = ["Do not extend the vocabulary."]
        if good:
            words.append(_too_little(rows[good], rule))
        if failed:
            words.append(_why_not(sweep, rows, good, rule))
            words += _few(sweep, rows[1]) if good == 0 and not verdicts[0].seen else []
        words.append(MEASURED_COST)
    by_share = sweep.curve.first_below(rule.min_next)
    words += _by_share(by_share, sweep, rule)
    return Recommendation(rows[chosen].new_tokens, tuple(words), rule, verdicts, by_share)


def _verdict(row: SizeRow, before: SizeRow, rule: Rule) -> Verdict:
    seen = row.times_seen
    return Verdict(
        row.new_tokens,
        seen=seen is not None and seen.share_enough >= SHARE_SEEN,
        step=row.step_gain_per_1000 >= rule.min_step,
        flops=row.costs.flops_per_character < before.costs.flops_per_character,
        gain=(row.gain_interval[0] if row.gain_interval else row.gain) >= rule.min_gain,
    )


def _advice(row: SizeRow) -> str:
    return f"Extend by {row.new_tokens:,} tokens."


def _what_it_buys(sweep: Sweep, row: SizeRow, rule: Rule) -> list[str]:
    seen, costs, base = row.times_seen, row.costs, sweep.rows[0]
    assert seen is not None
    return [
        f"The same text takes {1 - 1 / row.gain:.1%} fewer tokens (gain {row.gain:.3f}×) and "
        f"{costs.flops_saved_share:.1%} less compute, for {costs.parameters_added_share:.1%} more parameters "
        f"({sweep.shape.name}).",
        f"{seen.share_enough:.1%} of the new tokens would be seen {rule.min_seen:,} times or more in {sweep.budget} "
        f"(at least {SHARE_SEEN:.0%} wanted; half of them {seen.median:,.0f} times).",
        f"{row.boundaries_inside:.1%} of the ends of words fall inside a token (base: {base.boundaries_inside:.1%}): "
        "prompts that stop there go on badly unless the last token is backed off.",
    ]


def _end_of_list(row: SizeRow) -> str:
    return f"{row.new_tokens:,} is the largest size of this sweep, and it passes: a larger one may too."


def _too_little(row: SizeRow, rule: Rule) -> str:
    low = f", its interval from {row.gain_interval[0]:.3f}" if row.gain_interval else ""
    return (
        f"{row.new_tokens:,} new tokens compress these texts by only {row.gain:.3f}×{low}; below {rule.min_gain:g}× "
        "a tokenizer of one's own is not worth its trouble."
    )


def _why_not(sweep: Sweep, rows: tuple[SizeRow, ...], good: int, rule: Rule) -> str:
    row, seen = rows[good + 1], rows[good + 1].times_seen
    assert seen is not None
    verdict = _verdict(row, rows[good], rule)
    if not verdict.seen:
        never = f", and {seen.never_in_sample:.0%} are not in the text they were counted in"
        never = never if seen.never_in_sample >= 0.005 else ""
        # Where the tenth percentile is of tokens never met, no length of this text can be said to do.
        can = seen.never_in_sample < 1 - SHARE_SEEN
        need = f"; about {_amount(sweep, seen.budget_factor)} of such text would do" if can else ""
        return (
            f"of {row.new_tokens:,} new tokens only {seen.share_enough:.1%} would be seen {rule.min_seen:,} times or "
            f"more in {sweep.budget} ({SHARE_SEEN:.0%} wanted){never}: rows seen so rarely stay near where they were "
            f"put, and the model reads and writes its text through them{need}."
        )
    if not verdict.step:
        return (
            f"from {rows[good].new_tokens:,} to {row.new_tokens:,} tokens compression rises by only "
            f"{row.step_gain_per_1000:.2%} for each 1,000 tokens ({rule.min_step:.2%} wanted)."
        )
    return (
        f"{row.new_tokens:,} new tokens cost the head more compute than the shorter text saves "
        f"({row.costs.flops_per_character:,.0f} FLOPs a character, {rows[good].costs.flops_per_character:,.0f} before)."
    )


def _few(sweep: Sweep, row: SizeRow) -> list[str]:
    seen = row.times_seen
    assert seen is not None
    if seen.never_in_sample > 1 - SHARE_SEEN:
        return [
            "The list and the text it was counted in are of different kinds: with --corpus, name text like that to be "
            "trained on, to learn from or to count in."
        ]
    if seen.enough < MIN_SMALLER_SIZE:
        return []
    return [
        f"About {seen.enough:,} of the {row.new_tokens:,} would be seen often enough in {sweep.budget}: "
        "smaller --sizes show whether so few are worth it."
    ]


def _by_share(found: LastStep | None, sweep: Sweep, rule: Rule) -> list[str]:
    if found is not None:
        return [
            f"By share alone: {found.new_tokens:,} is the first size at which another {STEP:,} tokens save less than "
            f"{rule.min_next:.2%} of the tokens ({found.saved:.2%})."
        ]
    last = sweep.curve.sizes[-1]
    return [f"By share alone: up to {last:,}, every {STEP:,} tokens save {rule.min_next:.2%} or more."] if last else []


def _amount(sweep: Sweep, factor: float) -> str:
    budget = sweep.budget
    much = type(budget)(
        megabytes=None if budget.megabytes is None else float(f"{budget.megabytes * factor:.2g}"),
        tokens=None if budget.tokens is None else float(f"{budget.tokens * factor:.2g}"),
    )
    return str(much)
