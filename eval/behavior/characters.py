"""Tasks on single characters, which long tokens may hurt: how many characters a word has, and which.

A model sees 运动会 as three pieces or as one; as one, nothing shows it that three characters are inside. Words are
drawn from held-out text, and the accuracy is told apart by whether the word is one token for the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hanhua.documents import Document
from hanhua.eval.comparison.intervals import wilson
from hanhua.eval.engine.requests import OnDone, Sampling, ScoredInput
from hanhua.zh_text.scripts import is_han
from hanhua.zh_text.segmentation import segment

if TYPE_CHECKING:
    from hanhua.eval.engine.runner import Runner

PROMPT_VERSION = "characters-zh-1"
COUNT_PROMPT = "“水”有1个字，“苹果”有2个字，“自行车”有3个字，“四面八方”有4个字，“{word}”有"
SPELL_PROMPT = "拆成单字。\n苹果：苹、果\n自行车：自、行、车\n四面八方：四、面、八、方\n{word}："
MAX_CHARACTERS = 4
_DRAW_FROM = 50_000


def choose_words(documents: Iterable[Document], tokenizers: Sequence[Any], *, max_words: int, seed: int) -> list[str]:
    """Return words of 2 to 4 Han characters, half of them one token in some of the tokenizers, where there are enough.

    The draw depends on the words and the seed alone.
    """
    words: dict[str, None] = {}
    for document in documents:
        words.update(dict.fromkeys(w for w in segment(document.text, engine="rjieba") if 2 <= len(w) <= MAX_CHARACTERS))
        if len(words) >= _DRAW_FROM:
            break
    han = [word for word in words if is_han(word) and word not in COUNT_PROMPT]
    ranked = sorted(han, key=lambda word: hashlib.sha256(f"{seed}:{word}".encode()).digest())
    whole = [word for word in ranked if any(len(t.encode(word, add_special_tokens=False)) == 1 for t in tokenizers)]
    several = [word for word in ranked if word not in set(whole)]
    half = max_words // 2
    return sorted([*whole[: max(half, max_words - len(several))], *several[: max(half, max_words - len(whole))]])


def ask_characters(runner: Runner, words: Sequence[str], *, on_done: OnDone | None = None) -> list[dict[str, Any]]:
    """Ask for the number of characters (the likeliest of 1 to 6) and for the characters themselves (written)."""
    reader = runner.reader
    counts = [(reader.bos_id, *ids) for ids in reader.encode([COUNT_PROMPT.format(word=word) for word in words])]
    digits = tuple(tuple(ids) for ids in reader.encode([str(n) for n in range(1, 7)]))
    scored = runner.score([ScoredInput(ids, digits) for ids in counts], greedy=False)
    prompts = [(reader.bos_id, *ids) for ids in reader.encode([SPELL_PROMPT.format(word=word) for word in words])]
    written = runner.generate(prompts, Sampling(24, stops=("\n",)))
    if on_done is not None:
        on_done(len(words), len(words))
    pieces = reader.encode(list(words))
    rows = []
    for word, likelihoods, reply, ids in zip(words, scored, written, pieces, strict=True):
        totals = [one.total for one in likelihoods]
        counted = 1 + max(range(len(totals)), key=totals.__getitem__)
        rows.append(
            {
                "word": word,
                "one_token": len(ids) == 1,
                "counted": counted,
                "count_correct": counted == len(word),
                "spelled": reply.text,
                "spell_correct": reply.text.strip() == "、".join(word),
            }
        )
    return rows


def summarise_characters(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the accuracy of both tasks, over all words and by whether a word is one token."""
    groups = {
        "all": rows,
        "one_token": [r for r in rows if r["one_token"]],
        "several": [r for r in rows if not r["one_token"]],
    }
    return {
        "prompt": PROMPT_VERSION,
        **{
            name: {task: _accuracy(own, f"{task}_correct") for task in ("count", "spell")}
            for name, own in groups.items()
        },
    }


def _accuracy(rows: Sequence[dict[str, Any]], key: str) -> dict[str, Any]:
    right = sum(row[key] for row in rows)
    return {
        "words": len(rows),
        "accuracy": right / len(rows) if rows else None,
        "interval": list(wilson(right, len(rows))),
    }
