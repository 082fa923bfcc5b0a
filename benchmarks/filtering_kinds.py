"""What the rules for crawl junk, short posts and conversion do to benign text, file by file.

    python benchmarks/filtering_kinds.py --data $DATA [--documents 6000]

Of every Chinese file of `$DATA/corpus` and `$DATA/web`: documents that a rule for junk rejects, by kind; sentences of 5
to 11 different characters that are taken for harm, with and without the handicap of short texts; characters that the
check after a conversion puts right. Of COLD's development set: the posts that short, harmless and offensive.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from harm_train import read_cold_dev
from measurement import add_json_option, counted, markdown_head, markdown_row, write_measurement
from opencc import OpenCC

from hanhua.documents.readers import read_records
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.harm import build_harm_scorer, layers
from hanhua.filtering.rules.junk import junk
from hanhua.zh_text.conversion import open_converter
from hanhua.zh_text.folding import fold

SENTENCES, CONVERTED_CHARACTERS = 6000, 400_000
_SENTENCE = re.compile(r"[。！？\n；]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with corpus, web and harm/cold")
    parser.add_argument("--documents", type=int, default=6000, help="documents a file")
    add_json_option(parser)
    arguments = parser.parse_args()
    files = sorted([*arguments.data.glob("corpus/zh_*"), *arguments.data.glob("web/zh_*")])
    results = {file.name.split(".")[0]: measure(file, arguments.documents) for file in files}
    cold = read_cold_dev(arguments.data)
    posts = {
        "harmless": [one.text for one in cold if one.category is None],
        "offensive": [one.text for one in cold if one.category is not None],
    }
    short = {f"COLD dev, {name}": short_posts(texts) for name, texts in posts.items()}
    show(results, short)
    write_measurement(__file__, arguments, {"files": results, "short": short})


def measure(file: Path, documents: int) -> dict[str, Any]:
    texts = [record.text for record in islice(read_records(file), documents)]
    limits = FilteringConfig().junk
    reasons = Counter(verdict.reason for text in texts if not (verdict := junk(Draft(text), limits)).keep)
    sentences = (one for text in texts for one in _SENTENCE.split(text) if 5 < len(one) < 40)
    return {
        "documents": len(texts),
        "junk": dict(reasons),
        "short": short_posts(list(islice(sentences, 8 * SENTENCES))),
        "converted": dict(zip(("characters", "put_right"), put_right(texts), strict=True)),
    }


def short_posts(texts: Sequence[str]) -> dict[str, Any]:
    """Return how many different texts have 5 to 11 different characters, and how many are taken for harm."""
    few = range(layers.MIN_DISTINCT, layers.FEW_DISTINCT)
    short = list(dict.fromkeys(text for text in texts if len(set(fold(text).text)) in few))[:SENTENCES]
    scorer = build_harm_scorer()
    found = sum(scorer.score(text).score >= 0.5 for text in short)
    handicap, layers.FEW_HANDICAP = layers.FEW_HANDICAP, 0.0
    without = sum(scorer.score(text).score >= 0.5 for text in short)
    layers.FEW_HANDICAP = handicap
    return {"texts": len(short), "taken_for_harm": found, "without_handicap": without}


def put_right(texts: Sequence[str]) -> tuple[int, int]:
    """Return characters converted by s2t, and those that the check after it changed."""
    plain, checked = OpenCC("s2t").convert, open_converter("s2t")
    characters = changed = 0
    for text in _up_to(texts, CONVERTED_CHARACTERS):
        characters += len(text)
        changed += sum(a != b for a, b in zip(plain(text), checked(text), strict=True))
    return characters, changed


def _up_to(texts: Sequence[str], characters: int) -> Iterator[str]:
    taken = 0
    for text in texts:
        if taken > characters:
            return
        taken += len(text)
        yield text


def show(results: dict[str, Any], short: dict[str, Any]) -> None:
    print(markdown_head("texts", "documents", "junk", "short", "harm", "without handicap", "converted", "put right"))
    for name, row in results.items():
        reasons = counted(row["junk"]) or "0"
        cells = (*row["short"].values(), *row["converted"].values())
        print(markdown_row(name, str(row["documents"]), reasons, *map(str, cells)))
    for name, cells in short.items():
        print(markdown_row(name, "", "", *map(str, cells.values()), "", ""))


if __name__ == "__main__":
    main()
