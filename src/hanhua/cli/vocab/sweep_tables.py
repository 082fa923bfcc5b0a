"""A sweep as text (three tables of at most 120 columns, then the recommendation) and as JSON."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from hanhua.tables import table_text

if TYPE_CHECKING:
    from hanhua.vocab_extension.measuring.bootstrap import Interval
    from hanhua.vocab_extension.measuring.recommend import Recommendation
    from hanhua.vocab_extension.measuring.sweep import Sweep

COLUMNS = 120


def sweep_as_json(sweep: Sweep, advice: Recommendation) -> dict[str, Any]:
    """Return all figures and the recommendation as JSON data."""
    from dataclasses import asdict

    return {
        "documents": sweep.documents,
        "characters": sweep.characters,
        "bytes": sweep.bytes,
        "sample_characters": sweep.sample_characters,
        "budget": {**asdict(sweep.budget), "characters": sweep.budget_characters},
        "model": {**asdict(sweep.shape), "parameters": sweep.shape.parameters},
        "pretokens": {**asdict(sweep.limit), "characters_per_token": sweep.limit.characters_per_token},
        "tokens_at_sizes": dict(zip(sweep.curve.sizes, sweep.curve.tokens, strict=True)),
        "sizes": [row.as_json() for row in sweep.rows],
        "recommendation": advice.as_json(),
    }


def sweep_text(sweep: Sweep, advice: Recommendation) -> str:
    """Return the tables and the recommendation."""
    read = f"Gains, on {sweep.documents:,} documents of {sweep.characters:,} characters (95% intervals):"
    rows_in = "one matrix for embeddings and head" if sweep.shape.tied else "separate embeddings and head"
    costs = f"Costs and savings for a model of the shape of {sweep.shape.name} (bfloat16, {rows_in}, forward pass):"
    train = (
        f"Training on {sweep.budget} (about {_short(sweep.budget_characters)} characters), new tokens counted in "
        f"{_short(sweep.sample_characters)}:"
    )
    limit = textwrap.fill(f"{sweep.limit.words()[:1].upper()}{sweep.limit.words()[1:]}.", COLUMNS)
    parts = [read, _buys(sweep), limit, "", costs, _costs(sweep), "", train, _training(sweep, advice.rule.min_seen), ""]
    advised = [textwrap.fill(sentence[:1].upper() + sentence[1:], COLUMNS) for sentence in advice.words]
    return "\n".join([*parts, *advised])


def _buys(sweep: Sweep) -> str:
    heads = (
        "new tokens",
        "characters/token",
        "gain",
        "per 1,000 more",
        "tokens/1,000 char.",
        "word ends inside tokens",
    )
    return table_text(
        heads,
        [
            (
                f"{row.new_tokens:,}",
                _with_interval(row.characters_per_token, row.characters_per_token_interval),
                _with_interval(row.gain, row.gain_interval) if row.new_tokens else "",
                f"+{row.step_gain_per_1000:.2%}" if row.new_tokens else "",
                f"{row.costs.tokens_per_1000_characters:.1f}",
                f"{row.boundaries_inside:.1%}",
            )
            for row in sweep.rows
        ],
    )


def _costs(sweep: Sweep) -> str:
    heads = (
        "new tokens",
        "parameters",
        "memory",
        "head FLOPs/token",
        "FLOPs/char. saved",
        "KV cache/1,000 char.",
        "saved",
    )
    return table_text(
        heads,
        [
            (
                f"{row.new_tokens:,}",
                f"+{_short(row.costs.parameters_added)} ({row.costs.parameters_added_share:.2%})",
                f"+{_size(row.costs.bytes_added)}",
                f"+{_short(row.costs.head_flops_added_per_token)}",
                f"{_short(row.costs.flops_saved_per_character)} ({row.costs.flops_saved_share:.1%})",
                _size(row.costs.cache_bytes_per_1000_characters),
                _size(row.costs.cache_bytes_saved_per_1000_characters),
            )
            for row in sweep.rows
        ],
    )


def _training(sweep: Sweep, min_seen: int) -> str:
    heads = (
        "new tokens",
        "tokens to train",
        "saved",
        "seen: median",
        "10th percentile",
        f"below {min_seen:,}",
        "never in the sample",
    )
    rows = []
    for row in sweep.rows:
        seen = row.times_seen
        rows.append(
            (
                f"{row.new_tokens:,}",
                _short(row.tokens_to_train),
                _short(row.tokens_saved),
                f"{seen.median:,.0f}" if seen else "",
                f"{seen.tenth_percentile:,.0f}" if seen else "",
                f"{1 - seen.share_enough:.1%}" if seen else "",
                f"{seen.never_in_sample:.1%}" if seen else "",
            )
        )
    return table_text(heads, rows)


def _with_interval(value: float, interval: Interval | None) -> str:
    return f"{value:.3f} ({interval[0]:.3f}–{interval[1]:.3f})" if interval else f"{value:.3f}"


def _short(number: float) -> str:
    """Return a number with a unit prefix: `134.2 M`."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number:,.0f}"


def _size(bytes_: float) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if abs(bytes_) >= 1 << power:
            return f"{bytes_ / (1 << power):,.1f} {unit}"
    return f"{bytes_:,.0f} B"
