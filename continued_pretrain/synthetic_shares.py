"""The shares of synthetic text by form: as much as there is, up to the best that was measured, and never all."""

from __future__ import annotations

from collections.abc import Mapping

from hanhua.continued_pretrain.mixture import resolve_weights
from hanhua.continued_pretrain.synthetic_settings import ROUNDING, SyntheticShares
from hanhua.documents.corpus import SYNTHETIC_PREFIX
from hanhua.errors import InputError


def mixed_shares(
    weights: Mapping[str, float], sequences: Mapping[str, int], *, length: int, settings: SyntheticShares
) -> dict[str, float]:
    """Return the share of each corpus that takes part, real and synthetic, summing to 1.

    weights: of the real ones, among which they share what synthetic text leaves. sequences: whole sequences of `length`
    tokens by corpus; a corpus `synthetic_FORM` without a weight is synthetic. Raises InputError for shares that cannot
    be had, and for a Corpus without real text unless that is allowed.
    """
    synthetic = {name: count for name, count in sequences.items() if is_synthetic(name, weights)}
    real = {name: count for name, count in sequences.items() if name not in synthetic}
    if not real and synthetic:
        if not settings.allow_only_synthetic:
            raise InputError(
                "the train split holds synthetic text alone; all-synthetic training was worse in every measurement "
                "known: keep real corpora beside it, or set continued_pretrain.synthetic.allow_only_synthetic: true"
            )
        return resolve_weights({}, synthetic, length=length)
    shares = resolve_weights(weights, real, length=length)
    forms = {name.removeprefix(SYNTHETIC_PREFIX): count for name, count in synthetic.items()}
    if settings.shares is not None:
        taken = _asked(settings.shares, forms, length=length)
    else:
        taken = _by_size(forms, _real_sequences(shares, real), settings)
    left = 1 - sum(taken.values())
    kept = {name: share * left for name, share in shares.items() if left > ROUNDING}
    return kept | {SYNTHETIC_PREFIX + form: share for form, share in sorted(taken.items())}


def is_synthetic(name: str, weights: Mapping[str, float]) -> bool:
    """Return whether a corpus is made of synthetic text: its name says so, and the recipe gives it no weight itself."""
    return name.startswith(SYNTHETIC_PREFIX) and name not in weights


def _asked(shares: Mapping[str, float], forms: Mapping[str, int], *, length: int) -> dict[str, float]:
    for form, share in shares.items():
        if share and not forms.get(form):
            found = ", ".join(sorted(forms)) or "none"
            raise InputError(
                f"continued_pretrain.synthetic.shares.{form} is {share:g}, but the train split has no sequence of "
                f"{length:,} tokens of that form (forms: {found})"
            )
    return {form: share for form, share in shares.items() if share}


def _real_sequences(shares: Mapping[str, float], real: Mapping[str, int]) -> float:
    """Return the real sequences of one pass over the corpus with the largest share."""
    main = max(shares, key=lambda name: shares[name])
    return real[main] / shares[main]


def _by_size(forms: Mapping[str, int], real_sequences: float, settings: SyntheticShares) -> dict[str, float]:
    """Return the share of each form if all of it came once, scaled down to the bounds where that is more."""
    counted = {form: count for form, count in forms.items() if count and settings.bound(form)}
    total = real_sequences + sum(counted.values())
    natural = {form: count / total for form, count in counted.items()}
    used = settings.used(natural)
    if used <= 1 or settings.allow_only_synthetic:
        return natural
    # Scaling a share down leaves more to the real text; a form at its bound stays at it.
    return {form: share / used for form, share in natural.items()}
