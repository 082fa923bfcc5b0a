"""Trainable the two classifiers that come with the package, from the labelled texts of the project and from $DATA.

    python benchmarks/harm_train.py --data $DATA --out filtering/harm/weights

`general` tells all categories from harmless text: the project's own labelled texts, against those of the quickstart,
documents of `$DATA/corpus` (statutes; MIT and Apache-2.0 repositories) and the harmless comments of COLD. `hate`
tells hate from harmless comments: COLD (Apache-2.0) and the project's own. Both learn
from good pages written for this (`junk_pages_whole.py`), and from good ones among judged pages where --pages and
--labels name them. Texts of COLD's development set, which is measured on, are removed from both.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from junk_pages_whole import judged, written
from measurement import add_json_option, write_measurement

from hanhua.documents.readers import read_records
from hanhua.filtering.harm.classifier_files import save_classifier
from hanhua.filtering.harm.training import LabelledText, Settings, train_classifier

ROOT = Path(__file__).resolve().parent.parent
# Licenses that let the weights be shipped; the documentation of TiDB (CC-BY-SA) is measured on only.
BENIGN = ("hans_laws", "hant_twlaw", "classics_modern", "classics_original", "hans_instruct", "_poetry", "_fastapi")
DOCUMENTS, COMMENTS = 600, 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with harm/cold and corpus")
    parser.add_argument("--out", required=True, type=Path, help="where `general` and `hate` are written")
    parser.add_argument("--pages", type=Path, help="file of web pages")
    parser.add_argument("--labels", type=Path, action="append", default=[], help="which of them are good: label keep")
    parser.add_argument("--only", choices=("general", "hate"), help="train one of the two")
    add_json_option(parser)
    arguments = parser.parse_args()
    own = read_labelled(ROOT / "filtering" / "harm" / "texts" / "labelled.jsonl")
    cold = read_cold(arguments.data)
    comments = [one.text for one in cold if one.category is None]
    benign = {**read_corpora(arguments.data), "quickstart": list(quickstart()), "cold_harmless": comments[:COMMENTS]}
    if arguments.pages is not None:
        benign["web_pages"] = [page.text for page in judged(arguments.pages, arguments.labels) if not page.junk]
    own += [LabelledText(page.text, None) for page in written() if not page.junk]
    hateful = [one for one in own if one.category in (None, "hate")]
    results = {}
    for name, examples, settings in (
        ("general", own, Settings(column_bits=20, max_false_alarms=0.03, disguised_copies=True)),
        ("hate", [*cold, *hateful], Settings(column_bits=18, max_false_alarms=0.005)),
    ):
        if arguments.only not in (None, name):
            continue
        began = time.process_time()
        files = benign if name == "general" else {key: texts for key, texts in benign.items() if key != "cold_harmless"}
        model = train_classifier(examples, files, facts={"made_by": "benchmarks/harm_train.py"}, settings=settings)
        save_classifier(model, arguments.out / name)
        seconds = time.process_time() - began
        print(f"{name}: {seconds:.0f} s\n{json.dumps(dict(model.facts), indent=1)}")
        results[name] = {"processor_seconds": seconds, "facts": dict(model.facts)}
    write_measurement(__file__, arguments, results)


def read_labelled(path: Path) -> list[LabelledText]:
    rows = [record.fields | {"text": record.text} for record in read_records(path)]
    return [LabelledText(str(row["text"]), None if row["label"] == "benign" else str(row["label"])) for row in rows]


def read_cold(data: Path) -> list[LabelledText]:
    """Return COLD's training set without what its development set has too."""
    rows = {name: list(_csv(data / "harm" / "cold" / f"{name}.csv")) for name in ("train", "dev")}
    measured = {text for text, _ in rows["dev"]}
    return [LabelledText(text, "hate" if bad else None) for text, bad in rows["train"] if text not in measured]


def read_cold_dev(data: Path) -> list[LabelledText]:
    """Return COLD's development set without what its training set has too."""
    rows = {name: list(_csv(data / "harm" / "cold" / f"{name}.csv")) for name in ("train", "dev")}
    learned = {text for text, _ in rows["train"]}
    return [LabelledText(text, "hate" if bad else None) for text, bad in rows["dev"] if text not in learned]


def read_corpora(data: Path) -> dict[str, list[str]]:
    paths = sorted(path for path in (data / "corpus").glob("zh_*") if any(name in path.name for name in BENIGN))
    return {path.name.split(".")[0]: [one.text for one in islice(read_records(path), DOCUMENTS)] for path in paths}


def quickstart() -> Iterable[str]:
    for path in sorted((ROOT / "recipes" / "quickstart").glob("zh_*.jsonl")):
        yield from (record.text for record in read_records(path))


def _csv(path: Path) -> Iterable[tuple[str, bool]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from ((row["TEXT"], row["label"] == "1") for row in csv.DictReader(file))


if __name__ == "__main__":
    main()
