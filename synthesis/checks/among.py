"""Outputs that are too much alike: near copies of one another, and one opening again and again.

Counted by characters. ROUGE is no use here: `rouge_score` keeps a-z and 0-9 alone, so any two Chinese texts have 0.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from hanhua.synthesis.checks.plain import letters

SHINGLE = 5
PERMUTATIONS = 128
BANDS = 32
"""Of four rows: texts of similarity 0.7 meet with a probability of 99.99%."""
MIN_SIMILARITY = 0.7
"""From which two outputs are near copies; the filter's limit for pages, which share more boilerplate, is 0.8."""
OPENING = 8
MAX_OPENING_RATIO = 0.02
"""Of the outputs, those that may begin with the same 8 letters (requirement 6 of the field's pages)."""
MIN_SAME_OPENINGS = 2
_LABELS = re.compile(r"^[\s#*>|【「“]*(?:(?:问题?|答|問題?|题目|題目|标题|標題|实体|實體)\s?\d?[：:])?[\s#*]*")
_SEED = 11

Signature = npt.NDArray[np.uint32]


def reject_alike(accepted: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return, of (key, text), the reason of each that is rejected: `near_copy` or `opening`.

    The same whatever the order of arrival. Of near copies the one whose key has the smallest hash is kept, and
    so are the first 2% of those with one opening; half a kilobyte of memory is needed per text.
    """
    texts = sorted(accepted, key=lambda item: (_rank(item[0]), item[0]))
    copies = _near_copies([text for _, text in texts])
    rejected = {texts[number][0]: "near_copy" for number in copies}
    return rejected | _shared_openings([item for number, item in enumerate(texts) if number not in copies])


def _rank(key: str) -> str:
    """Return where a key comes: by its hash, so that no source is favored for its name."""
    return hashlib.sha256(key.encode()).hexdigest()


def _near_copies(texts: list[str]) -> set[int]:
    """Return the numbers of texts that are near copies of one that is kept; earlier ones are kept first."""
    kept: dict[bytes, list[int]] = defaultdict(list)
    signatures: list[Signature] = []
    rejected = set()
    for number, text in enumerate(texts):
        signature = _signature(text)
        signatures.append(signature)
        keys = [bytes([band]) + signature[band * 4 : band * 4 + 4].tobytes() for band in range(BANDS)]
        near = {other for key in keys for other in kept.get(key, ())}
        if any(float((signatures[other] == signature).mean()) >= MIN_SIMILARITY for other in near):
            rejected.add(number)
            continue
        for key in keys:
            kept[key].append(number)
    return rejected


def _signature(text: str) -> Signature:
    plain = letters(text)
    shingles = {plain[at : at + SHINGLE] for at in range(max(1, len(plain) - SHINGLE + 1))}
    sketch = RMinHash(num_perm=PERMUTATIONS, seed=_SEED)
    sketch.update(sorted(shingles))
    return np.array(sketch.digest(), dtype=np.uint32)


def _shared_openings(texts: list[tuple[str, str]]) -> dict[str, str]:
    allowed = max(MIN_SAME_OPENINGS, int(MAX_OPENING_RATIO * len(texts)))
    seen: dict[str, int] = defaultdict(int)
    rejected = {}
    for key, text in texts:
        begun = opening_of(text)
        seen[begun] += 1
        if seen[begun] > allowed and len(begun) == OPENING:
            rejected[key] = "opening"
    return rejected


def opening_of(text: str) -> str:
    """Return the first 8 letters of a text, without the mark it begins with (问：, ##).

    >>> opening_of("## 问：为什么天是蓝的？")
    '为什么天是蓝的'
    """
    return letters(_LABELS.sub("", _LABELS.sub("", text, count=1), count=1)[:40])[:OPENING]
