"""Settings of the shares of synthetic text by form. Imports nothing heavy.

Source of the bounds: FinePhrase, the synthetic data playbook of Hugging Face (2026): of ninety runs on 1.7B models the
best mixture held 60% questions and answers or tutorials, 70% tables or 80% mathematics, the rest real text; all of it
synthetic was worse. Other forms were not measured, and get the smallest of these.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from hanhua.config_fields import Section

MEASURED = {"faq": 0.6, "tutorial": 0.6, "table": 0.7, "word_problem": 0.8}
UNMEASURED = 0.6
ROUNDING = 1e-9


class SyntheticShares(Section):
    """Shares of synthetic text in the mixture. Several forms share one bound: the sum of share ÷ bound is at most 1."""

    shares: dict[str, float] | None = Field(
        default=None,
        description="Share of the training tokens by kind of form, such as {faq: 0.3}; null: by their size, up to the "
        "bounds",
    )
    max_shares: dict[str, float] = Field(
        default=MEASURED,
        description="Highest share by kind of form, were it the only one; others 0.6 (FinePhrase: best of ninety runs)",
    )
    allow_only_synthetic: bool = Field(
        default=False, description="Train without any real text, which was worse in every measurement known"
    )

    @model_validator(mode="after")
    def _check(self) -> SyntheticShares:
        for name, values in (("shares", self.shares or {}), ("max_shares", self.max_shares)):
            for form, value in values.items():
                if not 0 <= value <= 1:
                    raise ValueError(f"{name}.{form} is {value:g}; a share is from 0 to 1")
        total = sum((self.shares or {}).values())
        if total > 1 + ROUNDING or (total > 1 - ROUNDING and not self.allow_only_synthetic):
            raise ValueError(
                f"shares sum to {total:g}, which leaves no real text; all-synthetic training was worse in every "
                "measurement known: lower them, or set allow_only_synthetic: true"
            )
        if not self.allow_only_synthetic and (used := self.used(self.shares or {})) > 1 + ROUNDING:
            raise ValueError(
                f"shares use {used:.0%} of their bounds (share ÷ max_shares, summed), the best that was measured: "
                "lower them, or raise max_shares"
            )
        return self

    def bound(self, form: str) -> float:
        """Return the highest share of a kind of form."""
        return self.max_shares.get(form, MEASURED.get(form, UNMEASURED))

    def used(self, shares: Mapping[str, float]) -> float:
        """Return how much of the bounds some shares use; 1 is all."""
        if any(share and not self.bound(form) for form, share in shares.items()):
            return float("inf")
        return sum(share / self.bound(form) for form, share in shares.items() if share)
