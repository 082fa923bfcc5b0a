"""How much of an answer is its source's: too much is a copy, too little another subject. Counted by characters."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.plain import han, letters
from hanhua.synthesis.checks.quantities import read_quantities

RUN = 8
"""Letters of a run that is copied; two texts on one subject share names and terms of up to seven."""
MAX_COPIED_RUN_RATIO = 0.5
"""Of an answer, in one unbroken stretch of the source of at least MIN_COPIED_RUN letters."""
MIN_COPIED_RUN = 40
MIN_KEPT_NUMBERS_RATIO = 0.5
_LABELS = re.compile(r"^(?:问|答|题目|解答|解析|答案|实体)[：:]", re.MULTILINE)


def copied(case: Case) -> str | None:
    """Return how much of an answer stands in the source as it is."""
    limit = case.form.limits.max_copied_ratio
    if limit is None:
        return None
    mine, source = letters(_LABELS.sub("", case.text)), letters(case.seed.text)
    ratio = copied_ratio(mine, source)
    if ratio > limit:
        return f"{ratio:.0%} of it in runs of {RUN} letters of the source; at most {limit:.0%}"
    longest = SequenceMatcher(None, source, mine, autojunk=False).find_longest_match().size
    if longest >= MIN_COPIED_RUN and longest > MAX_COPIED_RUN_RATIO * len(mine):
        return f"{longest} letters in one stretch of the source"
    return None


def copied_ratio(mine: str, source: str) -> float:
    """Return the share of the letters of one text that lie in runs of 8 which the other holds."""
    if len(mine) < RUN:
        return 0.0
    held = {source[at : at + RUN] for at in range(len(source) - RUN + 1)}
    covered = bytearray(len(mine))
    for at in range(len(mine) - RUN + 1):
        if mine[at : at + RUN] in held:
            covered[at : at + RUN] = b"\1" * RUN
    return sum(covered) / len(mine)


def shared_ratio(mine: str, source: str) -> float:
    """Return the share of the different pairs of Han characters of an answer that a source holds, without labels."""
    plain = (han(_LABELS.sub("", mine)), han(source))
    pairs, held = ({text[at : at + 2] for at in range(len(text) - 1)} for text in plain)
    return len(pairs & held) / len(pairs) if pairs else 0.0


def drifted(case: Case) -> str | None:
    """Return how far an answer is from its source: another subject, much shorter or longer, its numbers lost."""
    limits = case.form.limits
    if limits.min_shared_ratio is not None:
        ratio = shared_ratio(case.text, f"{case.seed.context}\n{case.seed.text}")
        if ratio < limits.min_shared_ratio:
            return f"{ratio:.0%} of its pairs of characters in the source; at least {limits.min_shared_ratio:.0%}"
    return _wrong_ratio(case) or _lost_numbers(case)


def _wrong_ratio(case: Case) -> str | None:
    limits, mine = case.form.limits, len(letters(case.text))
    if case.form.language == "en":
        size, unit = len(re.findall(r"[A-Za-z0-9]+", case.seed.text)), "word"
    else:
        size, unit = len(letters(case.seed.text)), "letter"
    ratio = mine / max(size, 1)
    if limits.min_length_ratio is not None and ratio < limits.min_length_ratio:
        return f"{ratio:.2f} letters per {unit} of the source; at least {limits.min_length_ratio:g}"
    if limits.max_length_ratio is not None and ratio > limits.max_length_ratio and mine > limits.min_characters * 3:
        return f"{ratio:.2f} letters per {unit} of the source; at most {limits.max_length_ratio:g}"
    return None


def _lost_numbers(case: Case) -> str | None:
    """Return how many of the source's numbers are lost where nothing may be."""
    if case.form.shape not in ("prose", "translation"):
        return None
    given = {one.value for one in read_quantities(case.source) if one.value > 10}
    kept = {one.value for one in read_quantities(case.plain)}
    lost = given - kept
    if len(given) >= 3 and len(lost) > (1 - MIN_KEPT_NUMBERS_RATIO) * len(given):
        return f"{len(lost)} of {len(given)} numbers of the source are gone"
    return None


def wrong_length(case: Case) -> str | None:
    """Return the length of an answer, where it is none for its form."""
    length, limits = len(re.sub(r"\s", "", case.text)), case.form.limits
    if length < limits.min_characters:
        return f"{length} characters; at least {limits.min_characters}"
    return f"{length:,} characters; at most {limits.max_characters:,}" if length > limits.max_characters else None
