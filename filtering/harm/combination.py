"""What the lexicon adds to a classifier's margin: two layers that lean the same way are worth more than one.

Training counts it too, so that a threshold means the same where it is chosen and where it is used.
"""

from __future__ import annotations

from hanhua.filtering.harm.scorer import Examined

LEXICON_RAISES = 0.4
"""How much a lexicon score of .5 adds to a classifier's margin."""
RAISED_WHOLE_CHARACTERS = 320
"""In a longer text one passage says little about the rest, and raises the score less in proportion."""
MUCH_CONTEXT = 4.0
"""Two words of news, courts, medicine or help next to the evidence."""
NO_WORD_LOWERS = 0.35
"""How much is taken off where the lexicon found none of its words, or much context.

Honest advertisements, and reports of crime, are written much like what they are not.
"""
ONE_WORD_LOWERS = 0.15


def added_by(examined: Examined, characters: int) -> float:
    """Return what the lexicon's findings add to any classifier's margin of a text of that many folded characters."""
    if examined.words == 0 or examined.context >= MUCH_CONTEXT:
        return -NO_WORD_LOWERS
    if examined.words == 1:
        return -ONE_WORD_LOWERS
    return min(examined.score.score / 0.5, 1.0) * LEXICON_RAISES * min(RAISED_WHOLE_CHARACTERS / characters, 1.0)
