"""Texts for properties: prose, verse and lists of the quickstart, and anything that may come of a crawl."""

from __future__ import annotations

import random

from hypothesis import strategies as st
from repository import QUICKSTART
from small_llama import quickstart_texts

REAL = [text for path in sorted(QUICKSTART.glob("zh_*.jsonl")) for text in quickstart_texts(path.name)][::5]
"""Simplified and Traditional texts that every rule of `balanced` lets pass."""

CHARACTERS = st.one_of(
    st.sampled_from("的一是了我不人在他有这中大来上国山水老张王春江花月夜"),
    st.sampled_from("，。！？：“”……—《》【】 \n\t\u3000-•·★🎉┏0123456789１２abcXYZéñあアか가나ЖД\ufffd\u200b"),
)
MIXED = st.text(alphabet=CHARACTERS, max_size=80)
"""Short texts of Han, marks, digits and other scripts, often enough with each of them."""


def shuffled(text: str, seed: int) -> str:
    """Return the same characters in another order."""
    characters = list(text)
    random.Random(seed).shuffle(characters)
    return "".join(characters)
