"""What judgements are worth: recall at half a percent of false alarms by their number, drawn in several ways.

    python benchmarks/label_learning.py --data $DATA --json FILE

Labelled sets play a crawl, and their labels the judge: COLD (train; measured on its development set) and SWSR (half, by
hash; measured on the other half), as they are and with every twentieth text harmful. The filter's score, by whose bands
the first round is drawn, is that of the lexicon and of no classifier: those that come with the package have seen COLD.
Beside what is measured on texts kept aside stands what `hanhua filter label` would say at that point.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measurement import add_json_option, write_measurement

from hanhua.filtering.config import HarmConfig
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.harm.benign import half_of
from hanhua.filtering.harm.classifier import MIN_CHARACTERS, Calibration, HarmClassifier
from hanhua.filtering.labeling.candidates import Candidate, key_of
from hanhua.filtering.labeling.drawing import COLUMN_BITS, Strategy, TextTable, draw_round
from hanhua.filtering.labeling.learning import Judged, Unjudged, estimate
from hanhua.filtering.linear.fitting import Example, fit
from hanhua.zh_text.folding import Codes, folded_codes

FALSE_ALARMS = 0.005
STRATEGIES: tuple[Strategy, ...] = ("unsure", "even", "random")


@dataclass(frozen=True)
class Crawl:
    """Texts to draw from and texts to measure on, folded, each with whether it is harmful."""

    name: str
    texts: list[str]
    codes: list[Codes]
    harmful: np.ndarray
    aside: list[Codes]
    aside_harmful: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with harm/cold and harm/swsr")
    parser.add_argument("--documents", type=int, default=10_000, help="most texts of a crawl")
    parser.add_argument("--labels", type=int, default=800, help="most judgements")
    parser.add_argument("--round", type=int, default=100, help="judgements of a round")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[], help="names of crawls")
    add_json_option(parser)
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = []
    for crawl in crawls(arguments.data, arguments.documents):
        if not arguments.only or crawl.name in arguments.only:
            print(f"\n{crawl.name}: {len(crawl.texts):,} texts, {crawl.harmful.mean():.1%} harmful", flush=True)
            results += measure(crawl, arguments)
    write_measurement(__file__, arguments, results)


def measure(crawl: Crawl, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each way of drawing, number of labels and seed; print the means."""
    scorer = build_harm_scorer(HarmConfig(classifier=False))
    candidates = [Candidate(key_of(t), key_of(t), crawl.name, t, "", scorer.score(t).score) for t in crawl.texts]
    table = TextTable(crawl.codes)
    for strategy in STRATEGIES:
        rows = []
        for seed in range(arguments.seeds):
            rows += list(one_path(crawl, candidates, table, strategy, seed, arguments))
        for labels in sorted({row["labels"] for row in rows}):
            same = [row for row in rows if row["labels"] == labels]
            found = {key: _mean(row[key] for row in same) for key in ("harmful", "recall", "said", "low", "high")}
            print(f"{strategy:7} {labels:5}  " + "  ".join(f"{k} {v:.3f}" for k, v in found.items()), flush=True)
        yield from rows


def one_path(
    crawl: Crawl,
    candidates: list[Candidate],
    table: TextTable,
    strategy: Strategy,
    seed: int,
    given: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    """Yield what is reached after each round of one way of drawing."""
    judged: list[int] = []
    while len(judged) < given.labels:
        answers = crawl.harmful[judged].tolist()
        judged += draw_round(table, candidates, judged, answers, count=given.round, strategy=strategy, seed=seed)
        row: dict[str, Any] = {"crawl": crawl.name, "strategy": strategy, "seed": seed, "labels": len(judged)}
        row |= {"harmful": int(crawl.harmful[judged].sum()), "recall": recall_of(crawl, judged)}
        # What the tool says is dear to compute: at a few numbers of labels.
        said = None
        if len(judged) in (200, 400, 800):
            labeled = [Judged(crawl.texts[i], crawl.codes[i], "hate" if crawl.harmful[i] else "keep") for i in judged]
            gone = set(judged)
            others = [
                Unjudged(crawl.texts[i], crawl.codes[i]) for i in range(4000) if i < len(crawl.codes) and i not in gone
            ]
            said = estimate("harm", labeled, others, max_false_alarms=FALSE_ALARMS)
        at = said.reached if said is not None else None
        row |= {name: getattr(at, field) if at else None for name, field in (("said", "recall"), ("low", "low"))}
        row |= {"high": at.high if at else None, "gain": at.gain if at else None}
        yield row


def recall_of(crawl: Crawl, judged: Sequence[int]) -> float:
    """Return the recall, on the texts kept aside, at the threshold that lets their allowed false alarms through."""
    truth = crawl.harmful[judged].astype(np.int64)
    if truth.min() == truth.max():
        return 0.0
    examples = [Example(crawl.codes[i]) for i in judged]
    weights = fit(examples, truth, column_bits=COLUMN_BITS, what="label_learning")
    model = HarmClassifier(("hate",), *weights, Calibration(1.0, 0.0, 0.0, 0.0), None, {})
    margins = np.array([model.margin(codes) for codes in crawl.aside])
    harmless = np.sort(margins[~crawl.aside_harmful])
    threshold = harmless[len(harmless) - 1 - int(FALSE_ALARMS * len(harmless))]
    return float((margins[crawl.aside_harmful] > threshold).mean())


def crawls(data: Path, documents: int) -> Iterator[Crawl]:
    """Yield the sets, as they are and with one harmful text in twenty."""
    cold = read_csv(data / "harm" / "cold" / "train.csv", "TEXT"), read_csv(data / "harm" / "cold" / "dev.csv", "TEXT")
    swsr = read_csv(data / "harm" / "swsr" / "SWSR" / "SexComment.csv", "comment_text")
    halves = [[one for one in swsr if half_of(one[0]) == part] for part in (0, 1)]
    for name, train, aside in (("cold", cold[0], cold[1]), ("swsr", halves[0], halves[1])):
        known = {text for text, _ in train}
        aside = [one for one in aside if one[0] not in known]
        for share in (None, 0.05):
            yield _crawl(name if share is None else f"{name}-5%", _mixed(train, share, documents), aside)


def read_csv(path: Path, column: str) -> list[tuple[str, bool]]:
    """Return the texts, each once, that are long enough to be classified, with whether they are harmful."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = {row[column]: row["label"] == "1" for row in csv.DictReader(file)}
    return [one for one in rows.items() if len(folded_codes(one[0])) >= MIN_CHARACTERS]


def _mixed(rows: list[tuple[str, bool]], share: float | None, documents: int) -> list[tuple[str, bool]]:
    order = [rows[i] for i in np.random.default_rng(0).permutation(len(rows)).tolist()]
    if share is None:
        return order[:documents]
    harmless = [one for one in order if not one[1]][: round(documents * (1 - share))]
    harmful = [one for one in order if one[1]][: round(len(harmless) * share / (1 - share))]
    return [*harmless, *harmful]


def _crawl(name: str, rows: list[tuple[str, bool]], aside: list[tuple[str, bool]]) -> Crawl:
    texts = [text for text, _ in rows]
    return Crawl(
        name,
        texts,
        [folded_codes(text) for text in texts],
        np.array([harmful for _, harmful in rows]),
        [folded_codes(text) for text, _ in aside],
        np.array([harmful for _, harmful in aside]),
    )


def _mean(values: Iterator[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")


if __name__ == "__main__":
    main()
