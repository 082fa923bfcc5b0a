"""Fits the weights with which `balanced` scores pages (filtering/pages/weights.json), and says what they find.

    python benchmarks/junk_pages_train.py --pages pages.jsonl.zst --labels judged.jsonl --data $DATA [--write]

Learned from: judged pages, lines `{"record": N, "label": "keep" or "junk", "kind": "thin", "listing" or "promotion"}`;
texts written for this (junk_pages.jsonl); up to 120 documents of each Chinese corpus of `$DATA/corpus`, as good. One
logistic regression for each kind against all that is good. Pages and texts are scored by weights that have not seen
them (8 folds, the mean of 3 partitions), and the limit of each kind is where the share `LOST` of the
good pages lies above it.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from measurement import add_json_option, write_measurement

import hanhua.filtering.pages.scores as shipped
from hanhua.artifacts.files import write_json
from hanhua.documents.readers import read_records
from hanhua.filtering.document import Drafts
from hanhua.filtering.pages.features import FEATURES, Values, page_features
from hanhua.filtering.pages.scores import PAGE_KINDS

LOST = {"thin": 0.004, "listing": 0.007, "promotion": 0.004}
"""Of the judged good pages; most junk is found for these, of what all three may lose together."""
COST = 0.05
CORPUS_WEIGHT = 0.1
OF_CORPUS, SEEN_OF_CORPUS = 120, 6000
FOLDS, PARTITIONS = 8, 3
LONG_TEXTS, LONG_WEIGHT = 60, 0.5
OF_LENGTH = re.compile(r"log_|below_|site_|net_|few_|short_|heading|spelled|title_parts")
"""Features that say nothing of promotion: adverts are as long, and as laid out, as anything."""
MIN_SCALE = 0.03
"""Features that hardly vary in what was learned from must not decide where they do."""
GROUP = 30
TEXTS = Path(__file__).with_name("junk_pages.jsonl")


@dataclass(frozen=True)
class Examples:
    """rows [D, F]. kinds [D]: the number of the kind of junk, -1 good, -2 junk of no kind that is learned."""

    rows: Values
    kinds: npt.NDArray[np.int64]
    weight: float = 1.0

    def of(self, kept: npt.NDArray[np.bool_]) -> Examples:
        """Return some of them."""
        return Examples(self.rows[kept], self.kinds[kept], self.weight)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", required=True, type=Path, help="file of pages")
    parser.add_argument("--labels", required=True, type=Path, help="labels of some of them, with kinds")
    parser.add_argument("--data", required=True, type=Path, help="folder with corpus")
    parser.add_argument("--write", action="store_true", help="replace the shipped weights")
    add_json_option(parser)
    arguments = parser.parse_args()
    pages, texts = judged_pages(arguments.pages, arguments.labels), own_texts()
    rows = features(benign(arguments.data))
    always = [Examples(rows, np.full(len(rows), -1), CORPUS_WEIGHT), long_texts()]
    kinds: dict[str, Any] = {}
    results: dict[str, Any] = {}
    beyond = []
    for number, kind in enumerate(PAGE_KINDS):
        margins = held_out(number, [pages, texts], always)
        limit = float(np.sort(margins[0][pages.kinds == -1])[::-1][int(LOST[kind] * (pages.kinds == -1).sum())])
        beyond.append([of_part > limit for of_part in margins])
        kinds[kind] = fit(number, [pages, texts, *always], limit)
        results[kind] = found(kind, beyond[-1], [pages, texts])
    either = [np.any([one[part] for one in beyond], axis=0) for part in range(2)]
    results["any"] = found("any", either, [pages, texts])
    if arguments.write:
        write_json(Path(shipped.__file__).with_name("weights.json"), kinds)
    write_measurement(__file__, arguments, results)


def judged_pages(pages: Path, labels: Path) -> Examples:
    texts = [record.text for record in read_records(pages)]
    rows = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines()]
    return Examples(features([texts[row["record"]] for row in rows]), kinds_of(rows))


def own_texts() -> Examples:
    rows = [json.loads(line) for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    return Examples(features([row["text"] for row in rows]), kinds_of(rows))


def long_texts() -> Examples:
    """Return longer pages, two to five texts of a kind one after another: those written for this are short."""
    rows = [json.loads(line) for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    chance, long = random.Random(2), []
    for kind in ("promotion", "listing", "good"):
        some = [row for row in rows if row["kind"] == kind]
        for _ in range(LONG_TEXTS):
            parts = chance.sample(some, chance.randint(2, 5))
            long.append({**parts[0], "text": "\n".join(part["text"] for part in parts)})
    return Examples(features([row["text"] for row in long]), kinds_of(long), LONG_WEIGHT)


def kinds_of(rows: Sequence[dict[str, Any]]) -> npt.NDArray[np.int64]:
    names: dict[str, int] = {"good": -1, "other": -2, **{kind: number for number, kind in enumerate(PAGE_KINDS)}}
    return np.array([-1 if row["label"] == "keep" else names[row["kind"]] for row in rows])


def benign(data: Path) -> list[str]:
    texts: list[str] = []
    for file in sorted(data.glob("corpus/zh_*")):
        some = [record.text for record, _ in zip(read_records(file), range(SEEN_OF_CORPUS), strict=False)]
        random.Random(1).shuffle(some)
        texts += some[:OF_CORPUS]
    return texts


def features(texts: Sequence[str]) -> Values:
    rows: list[Values] = []
    for begin in range(0, len(texts), GROUP):
        some = texts[begin : begin + GROUP]
        rows += page_features(Drafts(some, ["zh"] * len(some)))
    return np.array(rows)


def held_out(kind: int, parts: Sequence[Examples], always: Sequence[Examples]) -> list[Values]:
    """Return the margin of each example of the parts by weights that have not seen it."""
    margins = [np.zeros(len(part.rows)) for part in parts]
    for seed in range(PARTITIONS):
        folds = [np.random.default_rng(seed).permutation(len(part.rows)) % FOLDS for part in parts]
        for fold in range(FOLDS):
            learned = [part.of(of_part != fold) for part, of_part in zip(parts, folds, strict=True)]
            weights = fit(kind, [*learned, *always], 0.0)
            for part, of_part, values in zip(parts, folds, margins, strict=True):
                left = of_part == fold
                values[left] += margin(weights, part.rows[left]) / PARTITIONS
    return margins


def fit(kind: int, parts: Sequence[Examples], limit: float) -> dict[str, float]:
    """Return the weights of the features as they are, and the intercept with which the limit lies at 0."""
    from sklearn.linear_model import LogisticRegression

    used = [part.of((part.kinds == kind) | (part.kinds == -1)) for part in parts]
    counts = np.array([PAGE_KINDS[kind] != "promotion" or not OF_LENGTH.match(name) for name in FEATURES])
    rows, truth = np.concatenate([p.rows * counts for p in used]), np.concatenate([p.kinds == kind for p in used])
    importance = np.concatenate([np.full(len(p.rows), p.weight) for p in used])
    means = np.average(rows, axis=0, weights=importance)
    scales = np.maximum(np.sqrt(np.average((rows - means) ** 2, axis=0, weights=importance)), MIN_SCALE)
    fitted = LogisticRegression(C=COST, max_iter=4000).fit((rows - means) / scales, truth, sample_weight=importance)
    weights = fitted.coef_[0] / scales
    named = {name: round(float(weight), 3) for name, weight in zip(FEATURES, weights, strict=True)}
    return {**named, "intercept": round(float(fitted.intercept_[0] - weights @ means) - limit, 3)}


def margin(weights: dict[str, float], rows: Values) -> Values:
    margins: Values = rows @ np.array([weights[name] for name in FEATURES]) + weights["intercept"]
    return margins


def found(name: str, beyond: Sequence[npt.NDArray[np.bool_]], parts: Sequence[Examples]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for part_name, hit, part in zip(("pages", "texts"), beyond, parts, strict=True):
        junk, good = part.kinds != -1, part.kinds == -1
        row[part_name] = {"junk": int(junk.sum()), "found": int(hit[junk].sum()), "good": int(good.sum()),
                          "lost": int(hit[good].sum())}  # fmt: skip
    print(name, row)
    return row


if __name__ == "__main__":
    main()
