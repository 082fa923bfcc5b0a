"""Prints the filter's speed, the share of each corpus it keeps and why the rest went.

    python benchmarks/filtering_throughput.py --data $DATA/corpus

One process, after a warm-up; megabytes are of decompressed UTF-8. Every `.jsonl` or `.txt` file of the
folder (also .gz, .zst) is taken by itself; files whose name begins with `zh` are taken for Chinese. Copies are
looked for within a file.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from measurement import add_json_option, counted, markdown_head, markdown_row, write_measurement

from hanhua.documents.places import expand_paths
from hanhua.documents.readers import read_records
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.duplicates.clusters import find_clusters
from hanhua.filtering.judge import Judge, Judged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of corpora")
    parser.add_argument("--only", nargs="+", default=[""], help="files whose name contains one of these")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--documents", type=int, default=3000, help="at most so many documents a file")
    add_json_option(parser)
    arguments = parser.parse_args()
    config = FilteringConfig.model_validate({"preset": arguments.preset})
    judge = Judge(config)
    for text in ("信誉菠菜平台首充送，加➕薇信 abc123 领彩金。", "今天天气不错，我们去公园划船，划到湖心下起了雨。"):
        judge.judge(text, language="zh")
    print(markdown_head("file", "documents", "MB", "MB/s", "kept", "rejected"))
    results = []
    for path in expand_paths(arguments.data):
        if any(name in path.name for name in arguments.only):
            results.append(measure(path, judge, config, arguments.documents))
            print(row(results[-1]), flush=True)
    write_measurement(__file__, arguments, results)


def measure(path: Path, judge: Judge, config: FilteringConfig, documents: int) -> dict[str, Any]:
    records = islice(read_records(path, on_broken=lambda place, problem: None), documents)
    texts = [record.text for record in records]
    megabytes = sum(len(text.encode("utf-8", "replace")) for text in texts) / 1e6
    language = "zh" if path.name.startswith("zh") else "other"
    began = time.process_time()
    judged = judge.judge_all(texts, [language] * len(texts))
    reasons = Counter(one.verdict.reason for one in judged if not one.verdict.keep)
    kept = [one for one in judged if one.verdict.keep]
    reasons += copies(kept, config)
    seconds = time.process_time() - began
    return {
        "file": path.name,
        "documents": len(texts),
        "megabytes": megabytes,
        "processor_seconds": seconds,
        "kept_ratio": 1 - reasons.total() / max(len(texts), 1),
        "rejected": dict(reasons),
    }


def row(found: dict[str, Any]) -> str:
    rate = found["megabytes"] / found["processor_seconds"]
    figures = (f"{found['documents']:,}", f"{found['megabytes']:.1f}", f"{rate:.1f}", f"{found['kept_ratio']:.2%}")
    return markdown_row(found["file"], *figures, counted(found["rejected"]))


def copies(kept: list[Judged], config: FilteringConfig) -> Counter[str]:
    with tempfile.TemporaryDirectory() as folder:
        digests, signatures, letters = (Path(folder, name) for name in ("digests", "signatures", "letters"))
        digests.write_bytes(b"".join(one.digest for one in kept))
        signatures.write_bytes(b"".join(one.signature for one in kept))
        np.array([one.letters for one in kept], dtype=np.uint32).tofile(letters)
        clusters = find_clusters(config.duplicates, digests=digests, signatures=signatures, letters=letters)
        return Counter(clusters.reason(index) for index in range(len(kept)) if clusters.is_copy(index))


if __name__ == "__main__":
    main()
