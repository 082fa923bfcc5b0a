"""Prints the peak memory of `hanhua filter run` on corpora of growing size, near copies looked for.

    python benchmarks/filtering_memory.py --data $DATA --only classics_modern --megabytes 20 200

One worker, so that the peak is of one process. Texts are made of sentences drawn from the documents, in another
order each time, so that there is any number of different ones.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from measurement import add_json_option, markdown_head, markdown_row, write_measurement

from hanhua.documents.places import expand_paths
from hanhua.documents.readers import read_records

SENTENCES, TEXT_SENTENCES = 40_000, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of corpora")
    parser.add_argument("--only", default="zh", help="files whose name contains this")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[20, 200])
    add_json_option(parser)
    arguments = parser.parse_args()
    sentences = sentences_of(Path(arguments.data), arguments.only)
    print(markdown_head("MB", "documents", "processor seconds", "peak MB"))
    results = []
    for megabytes in arguments.megabytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "zh.jsonl")
            documents = write(path, sentences, megabytes)
            seconds, peak = run(path, Path(folder, "out"))
        print(markdown_row(f"{megabytes:g}", f"{documents:,}", f"{seconds:.0f}", f"{peak:.0f}"), flush=True)
        found = {"processor_seconds": seconds, "peak_megabytes": peak}
        results.append({"megabytes": megabytes, "documents": documents, **found})
    write_measurement(__file__, arguments, results)


def sentences_of(data: Path, only: str) -> list[str]:
    found: list[str] = []
    for path in expand_paths(data):
        if only in path.name:
            for record in read_records(path, on_broken=lambda place, problem: None):
                found += [f"{part}。" for part in record.text.split("。") if 10 < len(part) < 80]
                if len(found) > SENTENCES:
                    return found
    return found


def write(path: Path, sentences: list[str], megabytes: float) -> int:
    rng, size, documents = random.Random(0), 0, 0
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * 1e6:
            text = "".join(rng.choices(sentences, k=TEXT_SENTENCES))
            size += len(text.encode())
            documents += 1
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    return documents


def run(path: Path, out: Path) -> tuple[float, float]:
    """Return processor seconds and peak resident megabytes of the command."""
    code = "from hanhua.cli.main import main; main()"
    arguments = ["filter", "run", f"zh={path}", "--out", str(out), "--workers", "1"]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL, stderr=2)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"hanhua filter run ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
