"""Prints what filters find of judged pages that took no part in anything, and what good ones they lose.

    python benchmarks/junk_pages_test.py --test pages.jsonl [--pages pages.jsonl.zst --test judged.jsonl]

Lines of a test are `{"text": …, "label": "keep" or "junk"}`, or `{"record": N, "label": …}` of the file of --pages.
`balanced` as it ships; without the score of a page as a whole; and without any score of pages, as it was before.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from label_pages import measure
from measurement import add_json_option, write_measurement

from hanhua.documents.readers import read_records
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge

WHOLE = {"max_page_score": None}
KINDS = {f"max_{kind}_score": None for kind in ("thin", "listing", "promotion")}
FILTERS = {"balanced": {}, "without page": WHOLE, "without scores": {**WHOLE, **KINDS}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", required=True, type=Path, action="append", help="judged pages")
    parser.add_argument("--pages", type=Path, help="file of pages that tests name by number")
    add_json_option(parser)
    arguments = parser.parse_args()
    pages = [record.text for record in read_records(arguments.pages)] if arguments.pages else []
    results = {}
    for test in arguments.test:
        rows = [json.loads(line) for line in test.read_text(encoding="utf-8").splitlines()]
        texts = [row["text"] if "text" in row else pages[row["record"]] for row in rows]
        labels = {number: str(row["label"]) for number, row in enumerate(rows)}
        print(f"\n{test.name}: {len(rows)} pages")
        configs = {name: FilteringConfig.model_validate({"junk": junk}) for name, junk in FILTERS.items()}
        measured = [measure(texts, labels, config, name=name) for name, config in configs.items()]
        results[test.stem] = {"filters": measured, **reasons(texts, labels)}
    write_measurement(__file__, arguments, results)


def reasons(texts: list[str], labels: dict[int, str]) -> dict[str, Any]:
    """Return, and print, why `balanced` rejects junk and good pages."""
    judge, found = Judge(FilteringConfig()), {"junk": Counter[str](), "keep": Counter[str]()}
    for number, label in labels.items():
        found[label][judge.judge(texts[number], language="zh").verdict.reason] += 1
    shown: dict[str, Any] = {f"reasons_{label}": dict(counts.most_common()) for label, counts in found.items()}
    print(json.dumps(shown, ensure_ascii=False))
    return shown


if __name__ == "__main__":
    main()
