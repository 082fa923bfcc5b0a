"""What follows from characters per token: context in characters, memory of the cache, words cut by tokens. No torch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from hanhua.documents import Document
from hanhua.eval.comparison.intervals import wilson
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.zh_text.scripts import is_han
from hanhua.zh_text.segmentation import Engine, segment

WORDS_BY: Engine = "rjieba"
"""Words are what this engine cuts; another cuts a few elsewhere, so its name is given with the figure."""

_KIB = 1024


def token_costs(model: ModelFolder, fertility: Mapping[str, Any]) -> dict[str, float]:
    """Return what one model's tokens mean for text of one corpus, from that corpus's fertility.

    context_characters: of its longest input. kv_cache_mib_per_1000_characters: keys and values at two bytes a number.
    """
    per_token = fertility["characters_per_token"]
    return {
        "characters_per_token": per_token,
        "context_characters": model.max_tokens * per_token,
        "kv_cache_mib_per_1000_characters": model.kv_bytes_per_token * 1000 / max(per_token, 1e-9) / _KIB**2,
    }


def words_cut_by_tokens(
    tokenizer: Tokenizer, documents: Sequence[Document], *, max_characters: int | None
) -> dict[str, Any]:
    """Return how many ends of Chinese words lie inside a token: a prompt that ends there is encoded by other tokens."""
    ends = inside = 0
    for document in documents:
        text = document.text[:max_characters]
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        starts = [start for start, _ in offsets]
        for place in _word_ends(text):
            start, end = offsets[bisect_right(starts, place) - 1]
            ends += 1
            inside += start < place < end
    return {
        "word_ends": ends,
        "inside_tokens": inside,
        "share": inside / max(ends, 1),
        "interval": list(wilson(inside, ends)),
        "words_by": WORDS_BY,
    }


def _word_ends(text: str) -> list[int]:
    """Return the places between two words, with Han characters on either side."""
    places, place = [], 0
    for word in segment(text, engine=WORDS_BY):
        place += len(word)
        if 0 < place < len(text) and is_han(text[place - 1 : place + 1]):
            places.append(place)
    return places
