"""Plays one round of 200 labels on pages of an origin that shipped weights have not seen, several times.

    python benchmarks/junk_pages_round.py --pages pages.jsonl.zst --labels judged.jsonl --data $DATA

Weights of the other origins alone stand for what ships (`junk_pages_whole.py`); two thirds of the origin's judged pages
are the crawl, of which 200 are labeled, and a third is measured on. Drawn by chance, or 120 by the highest shipped
score and 80 by chance. What is learned is the same ridge regression: of the labels alone, with the shipped score as one
more feature, or of what labels say beyond the shipped score. Means of six divisions: junk ranked above all but 3% of
the good pages, and what a threshold finds and loses that is chosen for 3% on the 200 labels, in eight folds.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from junk_pages_whole import MEASURED_ONLY, NGRAMS, Page, Places, Table, Values, judged, read_corpora, written
from measurement import add_json_option, write_measurement

LABELS, BY_SCORE = 200, 120
DIVISIONS, FOLDS, ALLOWED = 6, 8, 0.03
OF_CORPUS = 50
ORIGINS = ("search", "written")
Learn = Callable[[Places, Places], Values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", required=True, type=Path, help="file of pages")
    parser.add_argument("--labels", required=True, type=Path, action="append", help="labels of some of them")
    parser.add_argument("--data", required=True, type=Path, help="folder with corpus")
    add_json_option(parser)
    arguments = parser.parse_args()
    corpora = {name: texts for name, texts in read_corpora(arguments.data).items() if MEASURED_ONLY[0] not in name}
    good = [Page(text, "corpus", False, text) for texts in corpora.values() for text in texts[:OF_CORPUS]]
    table = Table([*judged(arguments.pages, arguments.labels), *written(), *good])
    write_measurement(__file__, arguments, [row for origin in ORIGINS for row in play(table, origin)])


def play(table: Table, origin: str) -> list[dict[str, Any]]:
    """Return, and print, the means of each way to draw and to learn."""
    own, others = np.flatnonzero(table.origins == origin), np.flatnonzero(table.origins != origin)
    shipped = np.zeros(len(table.truth))
    shipped[own] = table.margins(others, own)
    found = defaultdict(list)
    for seed in range(DIVISIONS):
        chance = np.random.default_rng(seed)
        order = chance.permutation(own)
        test, crawl = order[: len(own) // 3], order[len(own) // 3 :]
        best = crawl[np.argsort(-shipped[crawl], kind="stable")]
        some = np.append(best[:BY_SCORE], chance.permutation(best[BY_SCORE:])[: LABELS - BY_SCORE])
        found["none", "shipped score alone"].append((above(shipped[test], table.truth[test]), np.nan, np.nan))
        for drawn, labeled in (("by chance", crawl[:LABELS]), ("by score", some)):
            for name, learn in ways(table, shipped).items():
                found[drawn, name].append(tried(learn, table.truth, labeled, test))
    rows = []
    for (drawn, name), values in found.items():
        ranked, hit, lost = np.mean(values, axis=0).tolist()
        print(f"{origin} {drawn}, {name}: ranked {ranked:.0%}, found {hit:.0%}, lost {lost:.1%}", flush=True)
        rows.append({"origin": origin, "drawn": drawn, "learned": name, "ranked": ranked, "found": hit, "lost": lost})
    return rows


def ways(table: Table, shipped: Values) -> dict[str, Learn]:
    """Return ways to learn from labels what to say of other pages."""
    plain = table.rows @ table.rows.T + NGRAMS * (table.ngrams @ table.ngrams.T).toarray() + 1

    def ridge(likeness: Values, beyond: Values) -> Learn:
        def learn(labeled: Places, asked: Places) -> Values:
            matrix = likeness[np.ix_(labeled, labeled)] + np.eye(len(labeled))
            said = likeness[np.ix_(asked, labeled)] @ np.linalg.solve(matrix, (table.truth - beyond)[labeled])
            margins: Values = beyond[asked] + said
            return margins

        return learn

    nothing = np.zeros(len(shipped))
    return {
        "labels alone": ridge(plain, nothing),
        "shipped score as a feature": ridge(plain + 4 * np.outer(shipped, shipped), nothing),
        "beyond the shipped score": ridge(plain, shipped),
    }


def tried(learn: Learn, truth: Values, labeled: Places, test: Places) -> tuple[float, float, float]:
    """Return the share of junk ranked above all but 3% of the good, and what a chosen threshold finds and loses."""
    fold_of, held_out = np.random.default_rng(0).permutation(len(labeled)) % FOLDS, np.zeros(len(labeled))
    for fold in range(FOLDS):
        held_out[fold_of == fold] = learn(labeled[fold_of != fold], labeled[fold_of == fold])
    good = np.sort(held_out[truth[labeled] < 0])[::-1]
    margins, junk = learn(labeled, test), truth[test] > 0
    beyond = margins > good[int(ALLOWED * len(good))]
    return above(margins, truth[test]), float(beyond[junk].mean()), float(beyond[~junk].mean())


def above(margins: Values, truth: Values) -> float:
    good = np.sort(margins[truth < 0])[::-1]
    return float((margins[truth > 0] > good[int(ALLOWED * len(good))]).mean())


if __name__ == "__main__":
    main()
