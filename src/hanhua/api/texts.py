"""Texts from Python: filter corpora, score texts for harmful content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def filter_texts(
    corpora: Mapping[str, str | Path | Mapping[str, Any]], *, out: str | Path, **settings: Any
) -> dict[str, Any]:
    """Filter corpora into the new folder `out`: documents with their split, and samples of what was rejected.

    corpora: by name, a file, folder, glob or `hf://datasets/ID`; or the fields of a corpus in a recipe: `path`,
    `language` (zh, en, other), `license`, `text_field`. settings: keys of `filtering` in a recipe, such as `preset`.
    Called again after a kill, it goes on. Returns the counts: by corpus, and by the reason of each rejection.

    >>> import hanhua
    >>> corpora = {"zh": "texts/*.jsonl", "en": {"path": "books.txt", "language": "en"}}
    >>> facts = hanhua.filter_texts(corpora, out="clean", heldout_ratio=0.02)
    >>> facts["corpora"]["zh"]["kept"] <= facts["corpora"]["zh"]["read"]
    True
    """
    from hanhua.cli.filter import filter_into
    from hanhua.cli.filter_options import corpus_config
    from hanhua.cli.settings import config_of_options
    from hanhua.filtering.config import FilteringConfig

    named = {}
    for name, given in corpora.items():
        fields = dict(given) if isinstance(given, Mapping) else {"path": given}
        named[name] = corpus_config(str(fields.pop("path", "")), **fields)
    return filter_into(Path(out), config_of_options(FilteringConfig, settings), named)


def score(
    texts: str | Iterable[str],
    *,
    classifiers: Iterable[str | Path] = (),
    guard: str | None = None,
    device: str = "cpu",
) -> list[dict[str, Any]]:
    """Score texts for harmful content: category, score and evidence of each, in order.

    The score is from 0 to 1, and the filter rejects from 0.5 on. `spans` are [begin, end) in characters of the text as
    given. classifiers: folders made by `hanhua filter train-harm`. guard: a model asked about what is left unsure.

    >>> import hanhua
    >>> spam, news = hanhua.score(["信誉菠菜平台首充送，加➕薇信abc123领彩金", "今天下午有雨。"])
    >>> spam["category"], spam["score"] >= 0.5, news["score"]
    ('gambling', True, 0.0)
    """
    from hanhua.cli.filter_harm import harm_config, score_as_json
    from hanhua.filtering.harm import build_harm_scorer

    scorer = build_harm_scorer(harm_config([Path(one) for one in classifiers], guard, device))
    return [score_as_json(text, scorer.score(text)) for text in ([texts] if isinstance(texts, str) else texts)]
