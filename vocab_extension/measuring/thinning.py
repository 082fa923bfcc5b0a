"""A bounded part of any number of texts: the same documents whatever the order they come in."""

from __future__ import annotations

from collections.abc import Iterable

import xxhash

_SEED = 2


def thinned(texts: Iterable[str], *, max_characters: int) -> list[str]:
    """Return documents of at most so many characters in all, chosen by their hash; all of them if they fit.

    One in 2^k is kept, with the smallest k at which they fit; each time they no longer do, k grows and the
    rest is thinned. The first half of a document that is alone too long stands for it.
    """
    kept: list[tuple[int, str]] = []
    size = 0
    mask = 0
    for text in texts:
        key = xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace"), seed=_SEED)
        if key & mask:
            continue
        text = text if len(text) <= max_characters else text[: max_characters // 2]
        kept.append((key, text))
        size += len(text)
        while size > max_characters and len(kept) > 1:
            mask = 2 * mask + 1
            kept = [(key, text) for key, text in kept if not key & mask]
            size = sum(len(text) for _, text in kept)
    return [text for _, text in kept]
