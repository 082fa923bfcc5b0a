"""What the model will see: tokens and passes by corpus, and how often each new token comes.

Shape suffixes: V vocabulary, R new rows, T tokens of a corpus, D documents, S sequences that are looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.files import write_json
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.progress import say

SELDOM = 100
"""A row updated in fewer steps than this is still close to its initial value."""
BLOCK_SEQUENCES = 4096


def corpus_report(data: TrainingData) -> dict[str, dict[str, Any]]:
    """Return tokens, passes, documents and share of each corpus in the run."""
    counts = data.mixture.counts()
    return {
        name: {
            "tokens": counts[name] * data.length,
            "epochs": round(counts[name] / data.corpora[name].sequences(data.length), 4),
            "documents": len(data.corpora[name].starts_D),
            "share": round(counts[name] / len(data.mixture), 4),
        }
        for name in data.mixture.names
    }


def new_token_report(data: TrainingData, first_new_id: int | None) -> dict[str, Any]:
    """Return the share of new tokens among all, and how often each of them is seen; empty without new tokens.

    never, seldom (below 100 times): numbers of tokens. median: of the times a new token is seen.
    """
    if first_new_id is None:
        return {}
    seen_V = times_seen(data)
    new_R = seen_V[first_new_id:]
    return {
        "share": round(float(new_R.sum() / seen_V.sum()), 6),
        "tokens": len(new_R),
        "never": int((new_R == 0).sum()),
        "seldom": int(((new_R > 0) & (new_R < SELDOM)).sum()),
        "median": float(np.median(new_R)),
        "least": int(new_R.min()),
        "most": int(new_R.max()),
    }


def times_seen(data: TrainingData) -> npt.NDArray[np.int64]:
    """Return how often the run shows each token as an input, by id."""
    seen_V = np.zeros(len(data.characters_V), dtype=np.int64)
    for number, name in enumerate(data.mixture.names):
        corpus = data.corpora[name]
        shown = np.bincount(data.mixture.index_S[data.mixture.corpus_S == number], minlength=1)
        # A sequence is shown as often as others but one, so few different numbers occur.
        for times in np.unique(shown[shown > 0]):
            for chosen in _blocks(np.flatnonzero(shown == times)):
                low_S = chosen[:, None] * data.length
                tokens = corpus.tokens_T[low_S + np.arange(data.length)]
                seen_V += times * np.bincount(tokens.ravel(), minlength=len(seen_V))
    return seen_V


def _blocks(indices: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    return np.array_split(indices, -(-len(indices) // BLOCK_SEQUENCES))


def write_data_report(data: TrainingData, *, first_new_id: int | None, path: Path) -> None:
    """Write the report as JSON, and say what matters on stderr."""
    corpora, new = corpus_report(data), new_token_report(data, first_new_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    total = len(data.mixture) * data.length
    write_json(path, {"tokens": total, "corpora": corpora, "new_tokens": new})
    parts = [f"{name} {found['share']:.0%} ({found['epochs']:.2f} passes)" for name, found in corpora.items()]
    say(f"data: {total:,} tokens of {', '.join(parts)}")
    if new:
        say(
            f"data: {new['share']:.1%} are new tokens; of {new['tokens']:,} new ones {new['never']:,} are never seen, "
            f"{new['seldom']:,} fewer than {SELDOM} times, half {new['median']:,.0f} times or more"
        )
