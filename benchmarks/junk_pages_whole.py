"""Fits the score of a page as a whole, n-grams beside layout and words (filtering/pages/whole), and says what it finds.

    python benchmarks/junk_pages_whole.py --pages pages.jsonl.zst --labels judged.jsonl --data $DATA [--write]

Learned from: judged pages, lines `{"record": N, "label": "keep" or "junk"}`, --labels once a file; texts written for
this (junk_pages.jsonl by one hand, junk_pages_written.jsonl by another); up to 120 documents of each Chinese corpus of
`$DATA/corpus`, as good. Ridge regression on junk (1) and good (-1), solved in the space of examples. Pages are scored
by weights that have not seen them nor any of the same title (8 folds, the mean of 2 partitions), and the limit lies
where the share `LOST` of the judged good pages is above it, and no more than `LOST_OF_CORPUS` of the other documents of
any corpus. Besides, every origin is scored by weights of the other origins alone.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from junk_pages_train import MIN_SCALE, OF_CORPUS, SEEN_OF_CORPUS, features
from measurement import add_json_option, write_measurement
from scipy.sparse import csr_matrix

import hanhua.filtering.pages.whole as shipped
from hanhua.documents.readers import read_records
from hanhua.filtering.linear.features import MAX_COLUMN_BITS, cut_windows, window_columns
from hanhua.filtering.linear.windows import plan_windows
from hanhua.filtering.pages.whole import PageModel, save_page_model, shares_of
from hanhua.zh_text.folding import folded_codes

Values = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

LOST, LOST_OF_CORPUS = 0.02, 0.003
COLUMN_BITS = 16
NGRAMS, RIDGE = 3.0, 1.0
"""What n-grams count for compared with all features together, and how far weights are regularized."""
SLOPE = 4.0
"""From the margin of the regression, which is 1 for sure junk, to log-odds."""
IMPORTANCE = {"search": 1.0, "own": 0.5, "written": 0.5, "corpus": 0.3}
MEASURED_OF_CORPUS = 400
MEASURED_ONLY = ("tidb",)
"""Corpora whose license (CC-BY-SA) does not let n-grams learned from them be shipped."""
FOLDS, PARTITIONS = 8, 2
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """A text to learn from: where it is from, and whether it is junk. group: pages alike share a fold."""

    text: str
    origin: str
    junk: bool
    group: str


class Table:
    """The pages as features and n-grams, and what any of them say of the others. [D, F], [D, C], [D, D]."""

    def __init__(self, pages: list[Page]) -> None:
        texts = [page.text for page in pages]
        self.truth = np.array([1.0 if page.junk else -1.0 for page in pages])
        self.origins = np.array([page.origin for page in pages])
        self.importance = np.array([IMPORTANCE[page.origin] for page in pages])
        rows = features(texts)
        self.means = np.average(rows, axis=0, weights=self.importance)
        spread = np.sqrt(np.average((rows - self.means) ** 2, axis=0, weights=self.importance))
        self.scales = np.maximum(spread, MIN_SCALE) * np.sqrt(rows.shape[1])
        self.rows, self.ngrams = (rows - self.means) / self.scales, ngram_rows(texts)
        self.likeness = self.rows @ self.rows.T + NGRAMS * (self.ngrams @ self.ngrams.T).toarray() + 1

    def solve(self, learned: Places) -> Values:
        """Return what each of the pages learned from counts for."""
        matrix = self.likeness[np.ix_(learned, learned)] + np.diag(RIDGE / self.importance[learned])
        found: Values = np.linalg.solve(matrix, self.truth[learned])
        return found

    def margins(self, learned: Places, asked: Places) -> Values:
        """Return the margins of some pages by weights of others."""
        found: Values = self.likeness[np.ix_(asked, learned)] @ self.solve(learned)
        return found

    def model(self) -> PageModel:
        """Return the weights learned from all."""
        everyone = self.solve(np.arange(len(self.truth)))
        weights = SLOPE * (self.rows.T @ everyone) / self.scales
        ngrams = SLOPE * NGRAMS * np.asarray(self.ngrams.T @ everyone).ravel()
        intercept = SLOPE * float(everyone.sum()) - float(weights @ self.means)
        return PageModel(np.round(weights, 4), ngrams.astype(np.float16).astype(np.float32), round(intercept, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", required=True, type=Path, help="file of pages")
    parser.add_argument("--labels", required=True, type=Path, action="append", help="labels of some of them")
    parser.add_argument("--data", required=True, type=Path, help="folder with corpus")
    parser.add_argument("--write", action="store_true", help="replace the shipped weights")
    add_json_option(parser)
    arguments = parser.parse_args()
    corpora = read_corpora(arguments.data)
    pages = [*judged(arguments.pages, arguments.labels), *written()]
    learned = [
        Page(text, "corpus", False, text)
        for name, texts in corpora.items()
        for text in texts[:OF_CORPUS]
        if not any(one in name for one in MEASURED_ONLY)
    ]
    table, groups = Table([*pages, *learned]), [page.group for page in pages]
    results: dict[str, Any] = {"examples": {name: int((table.origins == name).sum()) for name in IMPORTANCE}}
    margins = held_out(table, groups)
    model = table.model()
    rest = {name: margins_of(model, texts[OF_CORPUS:]) for name, texts in corpora.items()}
    limit = limit_of(SLOPE * margins[of(table, "search", -1)], rest)
    results["limit"] = limit
    results["held_out"] = [shares(table, name, SLOPE * margins > limit) for name in ("search", "own", "written")]
    results["other_origins"] = [
        shares(table, name, by_others(table, name) > limit) for name in ("search", "own", "written")
    ]
    results["corpora"] = {name: float((m > limit).mean()) for name, m in rest.items() if len(m)}
    print(json.dumps(results, indent=1, ensure_ascii=False))
    if arguments.write:
        save_page_model(model.moved(-limit), Path(shipped.__file__).parent)
    write_measurement(__file__, arguments, results)


def judged(pages: Path, labels: list[Path]) -> list[Page]:
    texts = [record.text for record in read_records(pages)]
    rows = [json.loads(line) for path in labels for line in path.read_text(encoding="utf-8").splitlines()]
    found = [(texts[row["record"]], row["label"] != "keep") for row in rows]
    return [Page(text, "search", junk, text.split("\n")[0]) for text, junk in found]


def written() -> list[Page]:
    found = []
    for origin, name in (("own", "junk_pages.jsonl"), ("written", "junk_pages_written.jsonl")):
        rows = [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]
        found += [Page(row["text"], origin, row["label"] != "keep", row["text"]) for row in rows]
    return found


def read_corpora(data: Path) -> dict[str, list[str]]:
    """Return documents of each corpus in an order drawn by chance: the first are learned from, the others measured."""
    found = {}
    for file in sorted(data.glob("corpus/zh_*")):
        texts = [record.text for record, _ in zip(read_records(file), range(SEEN_OF_CORPUS), strict=False)]
        random.Random(1).shuffle(texts)
        found[file.name.split(".")[0]] = texts[: OF_CORPUS + MEASURED_OF_CORPUS]
    return found


def ngram_rows(texts: list[str]) -> csr_matrix:
    """Return what each n-gram's weight is multiplied by [D, C], as `shares_of` has it."""
    documents, columns, values = [], [], []
    for number, codes in enumerate(map(folded_codes, texts)):
        if not len(codes):
            continue
        plan = plan_windows(len(codes))
        found = window_columns(cut_windows(codes, plan.starts)) >> (MAX_COLUMN_BITS - COLUMN_BITS)
        documents.append(np.full(found.size, number))
        columns.append(found.ravel())
        values.append(np.repeat(shares_of(plan) / np.sqrt(max(found.shape[1], 1)), found.shape[1]))
    cells = (np.concatenate(documents), np.concatenate(columns))
    return csr_matrix((np.concatenate(values), cells), shape=(len(texts), 1 << COLUMN_BITS))


def margins_of(model: PageModel, texts: list[str]) -> Values:
    if not texts:
        return np.zeros(0)
    return model.log_odds(features(texts), ngram_rows(texts) @ model.ngrams)


def held_out(table: Table, groups: list[str]) -> Values:
    """Return the margin of each page by weights that have not seen it, nor one of its group; 0 for corpora."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    group_of = np.array([numbers[group] for group in groups])
    margins, corpus = np.zeros(len(table.truth)), np.flatnonzero(table.origins == "corpus")
    for seed in range(PARTITIONS):
        fold_of = (np.random.default_rng(seed).permutation(len(numbers)) % FOLDS)[group_of]
        for fold in range(FOLDS):
            asked = np.flatnonzero(fold_of == fold)
            margins[asked] += table.margins(np.append(np.flatnonzero(fold_of != fold), corpus), asked) / PARTITIONS
    return margins


def by_others(table: Table, origin: str) -> Values:
    """Return log-odds of one origin's pages by weights of the others; of the other pages nothing."""
    asked, found = np.flatnonzero(table.origins == origin), np.full(len(table.truth), -np.inf)
    found[asked] = SLOPE * table.margins(np.flatnonzero(table.origins != origin), asked)
    return found


def of(table: Table, origin: str, truth: int) -> npt.NDArray[np.bool_]:
    chosen: npt.NDArray[np.bool_] = (table.origins == origin) & (table.truth == truth)
    return chosen


def limit_of(good: Values, corpora: dict[str, Values]) -> float:
    asked = {"judged": float(np.sort(good)[::-1][int(LOST * len(good))])}
    for name, margins in corpora.items():
        if len(margins):
            asked[name] = float(np.sort(margins)[::-1][int(LOST_OF_CORPUS * len(margins))])
    print({name: round(one, 2) for name, one in asked.items()})
    return max(asked.values())


def shares(table: Table, origin: str, beyond: npt.NDArray[np.bool_]) -> dict[str, Any]:
    junk, good = of(table, origin, 1), of(table, origin, -1)
    return {"origin": origin, "junk": int(junk.sum()), "found": int(beyond[junk].sum()), "good": int(good.sum()),
            "lost": int(beyond[good].sum())}  # fmt: skip


if __name__ == "__main__":
    main()
