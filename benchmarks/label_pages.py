"""Web pages judged beforehand: what the shipped filter finds of their junk, and what one round of labels does.

    python benchmarks/label_pages.py --pages pages.jsonl.zst --labels test.jsonl --round round.jsonl --json FILE

Lines of the label files are `{"record": N, "label": "keep" or "junk"}`, N the number of the page. The pages of
--round are learned from, as `hanhua filter label` does, and those of --labels measured on; all others are candidates
without a label. Pages and labels are one's own: none come with the project.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measurement import add_json_option, write_measurement

from hanhua.documents.readers import read_records
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.labeling.label_file import KEEP
from hanhua.filtering.labeling.learning import Judged, Unjudged, filter_settings, learn
from hanhua.filtering.quality_model.model import QualityModel, load_quality_model
from hanhua.filtering.quality_model.structure import layout_of
from hanhua.zh_text.folding import folded_codes

SHARES = (0.005, 0.01, 0.03, 0.05, 0.1)
RANKED_AT = 0.03


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", required=True, type=Path, help="file of pages")
    parser.add_argument("--labels", required=True, type=Path, help="labels to measure on")
    parser.add_argument("--round", required=True, type=Path, help="labels to learn from")
    add_json_option(parser)
    arguments = parser.parse_args()
    texts = [record.text for record in read_records(arguments.pages)]
    test, learned_from = read_labels(arguments.labels), read_labels(arguments.round)
    assert not test.keys() & learned_from.keys()
    results: list[dict[str, Any]] = []
    for preset in ("balanced", "fineweb2-zh"):
        results.append(measure(texts, test, FilteringConfig.model_validate({"preset": preset}), name=preset))
    judged = [Judged(texts[i], folded_codes(texts[i]), label) for i, label in learned_from.items()]
    rest = [i for i in range(len(texts)) if i not in test and i not in learned_from]
    others = [Unjudged(texts[i], folded_codes(texts[i])) for i in rest]
    with tempfile.TemporaryDirectory() as folder:
        for share in SHARES:
            out = Path(folder) / f"{share}" / "quality"
            found = learn("quality", judged, others, out, max_false_alarms=share, facts={})
            assert found is not None, "too few labels"
            config = FilteringConfig.model_validate(filter_settings([found]))
            row = measure(texts, test, config, name=f"one round, {share:.1%}")
            at = found.reached
            row |= {"said": at.recall, "said_low": at.low, "said_high": at.high, "gain": at.gain}
            print(f"    said {at.recall:.0%} ({at.low:.0%} to {at.high:.0%}), last doubling {at.gain:+.2f}")
            results.append(row)
        results += ranked(texts, test, load_quality_model(Path(folder) / "0.03" / "quality"))
    write_measurement(__file__, arguments, results)


def measure(texts: list[str], labels: dict[int, str], config: FilteringConfig, *, name: str) -> dict[str, Any]:
    """Return, and print, how much junk a filter finds and how many good pages it loses."""
    rules = Judge(config)
    rejected = {i: not rules.judge(texts[i], language="zh").verdict.keep for i in labels}
    junk = [i for i, label in labels.items() if label != KEEP]
    good = [i for i, label in labels.items() if label == KEEP]
    found, lost = sum(rejected[i] for i in junk), sum(rejected[i] for i in good)
    row = {"filter": name, "junk": len(junk), "found": found, "good": len(good), "lost": lost}
    shown = [f"{a}/{b} {a / b:.0%} ({low:.0%} to {high:.0%})" for a, b in ((found, len(junk)), (lost, len(good)))
             for low, high in [wilson(a, b)]]  # fmt: skip
    precision = found / (found + lost) if found + lost else float("nan")
    print(f"{name:18} junk found {shown[0]}, good lost {shown[1]}, precision {precision:.0%}", flush=True)
    return row


def ranked(texts: list[str], labels: dict[int, str], model: QualityModel) -> list[dict[str, Any]]:
    """Return how much junk lies below all but 3% of these good pages, by the model with and without layout."""
    rows = []
    good = np.array([label == KEEP for label in labels.values()])
    for name, plain in (("n-grams alone", True), ("n-grams and layout", False)):
        scores = np.array([model.score(folded_codes(texts[i]), None if plain else layout_of(texts[i])) for i in labels])
        limit = np.sort(scores[good])[int(RANKED_AT * good.sum())]
        found = int((scores[~good] < limit).sum())
        rows.append({"filter": f"{name}, {RANKED_AT:.0%} lost", "junk": int((~good).sum()), "found": found})
        print(f"{name:18} junk ranked below all but {RANKED_AT:.0%} of the good: {found}/{(~good).sum()}")
    return rows


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927)."""
    z = 1.96
    share, spread = count / total, z / (1 + z * z / total)
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = spread * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def read_labels(path: Path) -> dict[int, str]:
    """Return the label of each page by its number."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {int(row["record"]): str(row["label"]) for row in rows}


if __name__ == "__main__":
    main()
