"""Harmful content: a lexicon and small classifiers of the project's own, an optional guard model, and the junk test.

Categories: pornography, gambling, fraud, illegal goods, black market, violence, hate, self-harm. Political
speech is not one of them, by decision: what a government wants silenced is no matter of data quality.
"""

from hanhua.filtering.harm.junk import build_junk_test
from hanhua.filtering.harm.layers import build_harm_scorer

__all__ = ["build_harm_scorer", "build_junk_test"]
