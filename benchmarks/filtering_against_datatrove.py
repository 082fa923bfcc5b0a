"""Prints how fast this filter and datatrove's FineWeb2 filters for Chinese read the same texts, one after the other.

    python benchmarks/filtering_against_datatrove.py --data $DATA --only classics_modern tidb_docs --one-in 20

Every n-th document of the files; one process, processor time, reading excluded. Datatrove's three filters run as in
FineWeb2 (cmn_Hani), every one on every text, and segment it each; ours is the whole chain of the preset, duplicates'
signatures included.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from measurement import add_json_option, markdown_head, markdown_row, write_measurement

from hanhua.documents.places import expand_paths
from hanhua.documents.readers import read_records
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.rules.words import FUNCTION_WORDS

LANGUAGE = "cmn_Hani"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of corpora")
    parser.add_argument("--only", nargs="+", default=["zh"], help="files whose name contains one of these")
    parser.add_argument("--one-in", type=int, default=20, help="takes every n-th document of each file")
    add_json_option(parser)
    arguments = parser.parse_args()
    texts = [text for name in arguments.only for text in texts_of(Path(arguments.data), name, arguments.one_in)]
    megabytes = sum(len(text.encode("utf-8", "replace")) for text in texts) / 1e6
    print(f"{len(texts):,} documents, {megabytes:.1f} MB\n\n{markdown_head('', 'seconds', 'MB/s', 'kept')}")
    filters: dict[str, Any] = {}
    theirs, kept = time_theirs(texts)
    filters["datatrove, FineWeb2's three filters"] = row(
        "datatrove 0.10, FineWeb2's three filters", theirs, megabytes, kept / len(texts)
    )
    for preset in ("fineweb2-zh", "balanced"):
        ours, kept = time_ours(texts, preset)
        name = f"ours, `{preset}`, whole chain"
        filters[name] = row(f"{name} ({theirs / ours:.0f}×)", ours, megabytes, kept / len(texts))
    results = {"documents": len(texts), "megabytes": megabytes, "filters": filters}
    write_measurement(__file__, arguments, results)


def row(name: str, seconds: float, megabytes: float, kept: float) -> dict[str, float]:
    print(markdown_row(name, f"{seconds:.2f}", f"{megabytes / seconds:.2f}", f"{kept:.1%}"), flush=True)
    return {"processor_seconds": seconds, "kept_ratio": kept}


def texts_of(data: Path, name: str, one_in: int) -> list[str]:
    paths = [path for path in expand_paths(data) if name in path.name]
    records = (record for path in paths for record in read_records(path, on_broken=lambda place, problem: None))
    return [record.text for record in islice(records, 0, None, one_in)]


def time_theirs(texts: list[str]) -> tuple[float, int]:
    filters = [
        GopherRepetitionFilter(
            dup_line_frac=0.287,
            dup_para_frac=0,
            dup_line_char_frac=0,
            dup_para_char_frac=0,
            top_n_grams=((2, 0.256), (3, 0.201), (4, 0.171)),
            dup_n_grams=((5, 0.198), (6, 0.184), (7, 0.17), (8, 0.155), (9, 0.141), (10, 0.127)),
            language=LANGUAGE,
        ),
        FineWebQualityFilter(
            short_line_thr=999, char_duplicates_ratio=0.1, line_punct_thr=0.106, new_line_ratio=0.178, language=LANGUAGE
        ),
        GopherQualityFilter(
            min_avg_word_length=1,
            max_avg_word_length=5,
            max_non_alpha_words_ratio=0.735,
            min_stop_words=2,
            stop_words=sorted(FUNCTION_WORDS),
            language=LANGUAGE,
        ),
    ]
    for one in filters:
        one.filter(Document(text="今天天气不错，我们去公园划船。" * 3, id="0"))
    began, kept = time.process_time(), 0
    for text in texts:
        document = Document(text=text, id="0")
        verdicts = [one.filter(document) is True for one in filters]
        kept += all(verdicts)
    return time.process_time() - began, kept


def time_ours(texts: list[str], preset: str) -> tuple[float, int]:
    judge = Judge(FilteringConfig.model_validate({"preset": preset}))
    # Lexicon, segmentation and language model are loaded when first asked for; theirs are loaded by now too.
    for text in (
        "信誉菠菜平台首充送，加➕薇信 abc123 领彩金。",
        "今天天气不错，我们去公园划船。" * 3,
        "The ferry left at six.",
    ):
        judge.judge(text, language="zh")
    began = time.process_time()
    kept = sum(judged.verdict.keep for judged in judge.judge_all(texts, ["zh"] * len(texts)))
    return time.process_time() - began, kept


if __name__ == "__main__":
    main()
