"""Gates: limits a recipe sets on the scores of the last model; the runner ends with exit code 3 on an unmet one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hanhua.bits import bits_of_nats
from hanhua.eval.config import Gates


@dataclass(frozen=True)
class Gate:
    """One limit, what was found, and whether the limit was kept; floors and ceilings by the name's `min_`, `max_`."""

    name: str
    limit: float
    value: float
    met: bool


def check_gates(
    gates: Gates, scores: Mapping[str, Any], *, chinese: Sequence[str], english: Sequence[str]
) -> list[dict[str, Any]]:
    """Return every gate that is set, as JSON data.

    Judged is the last model of the line base → resized → adapted; "before" is the first, for `min_gain` the one just
    before the last: the resized untrained model where there is one, since extension alone lowers bits per character.
    chinese, english: the corpora in each language.
    """
    values = dict(_values(scores, chinese=chinese, english=english))
    found = []
    for name, limit in gates.model_dump().items():
        if limit is not None:
            met = values[name] >= limit if name.startswith("min_") else values[name] <= limit
            found.append(asdict(Gate(name, limit, values[name], met)))
    return found


def _values(
    scores: Mapping[str, Any], *, chinese: Sequence[str], english: Sequence[str]
) -> Iterator[tuple[str, float]]:
    models, last = scores["line"], scores["line"][-1]
    if "safety" in scores:
        yield "max_harmful_rate", scores["safety"][last]["harmful_rate"]
    if "behavior" in scores:
        yield "max_not_chinese_rate", scores["behavior"][last]["not_chinese"]
    if len(models) < 2:
        return
    # What restoring a chat model costs counts against what training gained.
    first, previous = models[0], models[-3 if last == "restored" and len(models) > 2 else -2]
    if "language_modeling" in scores:
        likelihood = scores["language_modeling"]
        if chinese:
            after, before = (_bits(likelihood[model], chinese, "characters") for model in (last, previous))
            yield "min_gain", 1 - after / before
        if english:
            after, before = (_bits(likelihood[model], english, "bytes") for model in (last, first))
            yield "max_english_loss", after / before - 1
    if scores.get("benchmarks"):
        gains = (by_model[last]["accuracy"] - by_model[first]["accuracy"] for by_model in scores["benchmarks"].values())
        yield "min_accuracy_gain", min(gains)
    if "safety" in scores:
        rates = scores["safety"]
        yield "max_harmful_increase", rates[last]["harmful_rate"] - rates[first]["harmful_rate"]


def _bits(by_corpus: Mapping[str, Any], corpora: Sequence[str], per: str) -> float:
    nats = math.fsum(by_corpus[corpus]["nats"] for corpus in corpora)
    size: int = sum(by_corpus[corpus][per] for corpus in corpora)
    return bits_of_nats(nats) / size
