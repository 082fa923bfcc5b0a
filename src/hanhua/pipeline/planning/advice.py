"""Whether to extend the vocabulary, and how far, by the amount of Chinese text a run can train on.

A new token earns its rows only if training meets it often: nine in ten new tokens should be met 1,000 times. How much
text that takes was measured with `vocab-extension sweep`
(docs/results/2026-11-25-how-much-text-a-vocabulary-wants.md); a sweep over one's own text is better advice than this
table.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanhua.progress import data_size

TEXT_MEGABYTES = {1024: 139, 2048: 237, 4096: 402, 8192: 825, 16384: 1909, 32768: 5090}
"""Amount of Chinese text in which nine in ten of that many new tokens occur 1,000 times."""
GAIN = {1024: 1.10, 2048: 1.14, 4096: 1.20, 8192: 1.29, 16384: 1.38, 32768: 1.49}
"""Characters per token over the base's, held out, from the same sweep."""
BASE_BYTES_PER_TOKEN = 3.18
"""Chinese text per token of Llama 3's own tokenizer, from the same sweep: 314 million tokens per gigabyte."""
SMALL_MODEL_PARAMETERS = 2e9
LARGEST_FOR_SMALL = 8192
MAX_PASSES = 4
"""Up to this many passes over one text are about as good as new text; more add little (Muennighoff et al. 2023)."""
"""In a model below this size, new rows would be a large share of the parameters."""


@dataclass(frozen=True)
class ExtensionAdvice:
    """new_tokens: 0 means do not extend. megabytes: Chinese text the run trains on. why: sentences."""

    new_tokens: int
    megabytes: float
    why: tuple[str, ...]


def times(passes: float) -> str:
    """Return how often a text is read, in words.

    >>> times(0.02), times(1.04), times(2.51), times(431.6)
    ('2% of it', 'once', '2.5 times over', '432 times over')
    """
    if passes < 0.95:
        return "less than 1% of it" if passes < 0.01 else f"{passes:.0%} of it"
    return "once" if passes < 1.05 else f"{passes:.1f} times over" if passes < 10 else f"{passes:,.0f} times over"


def advise_extension(chinese_tokens: float, *, parameters: float | None = None) -> ExtensionAdvice:
    """Return how many tokens to add for a budget of Chinese training tokens.

    parameters: of the base, where known.

    >>> advise_extension(20e6 / 3).new_tokens, advise_extension(0.8e9).new_tokens
    (0, 16384)
    """
    sizes = [
        size
        for size in TEXT_MEGABYTES
        if chinese_tokens * BASE_BYTES_PER_TOKEN * GAIN[size] >= 1e6 * TEXT_MEGABYTES[size]
    ]
    small = parameters is not None and parameters < SMALL_MODEL_PARAMETERS
    allowed = [size for size in sizes if not small or size <= LARGEST_FOR_SMALL]
    if not allowed:
        megabytes = chinese_tokens * BASE_BYTES_PER_TOKEN / 1e6
        least = min(TEXT_MEGABYTES)
        return ExtensionAdvice(
            0,
            megabytes,
            (
                f"Do not extend: training sees about {data_size(megabytes * 1e6)} of Chinese text, and even {least:,} "
                f"new tokens need {TEXT_MEGABYTES[least]:,} MB to occur 1,000 times each (nine in ten of them).",
                "Rows trained less often stay near their initial values, and the model reads and writes through them.",
            ),
        )
    new = max(allowed)
    megabytes = chinese_tokens * BASE_BYTES_PER_TOKEN * GAIN[new] / 1e6
    why = [
        f"Extend by {new:,} tokens: training sees about {data_size(megabytes * 1e6)} of Chinese text, and these need "
        f"{TEXT_MEGABYTES[new]:,} MB to occur 1,000 times each (nine in ten of them).",
        f"The same text then takes about {1 - 1 / GAIN[new]:.0%} fewer tokens to train on, read and write.",
    ]
    larger = next((size for size in TEXT_MEGABYTES if size > new), None)
    if small and new == LARGEST_FOR_SMALL and sizes[-1] > new:
        why.append(
            f"Not more: rows would be a large share of a model of {(parameters or 0) / 1e9:.1f} billion parameters."
        )
    elif larger is not None:
        why.append(f"Not {larger:,}: they need {TEXT_MEGABYTES[larger]:,} MB.")
    why.append("An extension promises fewer tokens, not a better model: also run the control without an extension.")
    return ExtensionAdvice(new, megabytes, tuple(why))
