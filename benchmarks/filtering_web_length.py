"""Prints how fast this build, an earlier one and datatrove's FineWeb2 filters judge documents of web length.

All in one run:

    git worktree add --detach /tmp/before COMMIT
    python benchmarks/filtering_web_length.py --data $DATA --before /tmp/before [--documents 2000] [--rounds 3]

Documents of 600 to 4,000 bytes, as evenly from all Chinese files of `$DATA/corpus` and `$DATA/web` as these have them.
Each build judges them in a process of its own, with preset `balanced`, in batches as `hanhua filter run` does (an
earlier build that has no batches one by one), in turn, several rounds; processor time without start and reading, the
best round of each and the median. `--long` takes documents of 20,000 bytes and more instead. Verdicts are compared one
by one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measurement import add_json_option, markdown_head, markdown_row, write_measurement

BATCH_RECORDS = 512
SHORT_BYTES, LONG_BYTES = (600, 4_000), (20_000, 1 << 40)
WARM_UP = ("信誉菠菜平台首充送，加➕薇信 abc123 领彩金。", "今天天气不错，我们去公园划船。" * 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with corpus and web")
    parser.add_argument("--before", type=Path, help="checkout of the build to compare with")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", action="store_true", help="long documents instead")
    parser.add_argument("--datatrove", type=int, default=0, metavar="N", help="also datatrove, on every n-th one")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    add_json_option(parser)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(judge_all(Path(arguments.child))))
        return
    texts = sample(arguments.data, arguments.documents, LONG_BYTES if arguments.long else SHORT_BYTES)
    megabytes = sum(map(bytes_of, texts)) / 1e6
    print(f"{len(texts):,} documents, {megabytes:.1f} MB\n\n{markdown_head('', 'seconds', 'MB/s', 'ms a document')}")
    here = Path(__file__).parents[1]
    builds = {"this build": here} | ({"before": arguments.before} if arguments.before else {})
    rounds = [{name: measure(folder, texts) for name, folder in builds.items()} for _ in range(arguments.rounds)]
    seconds_of = {name: [one[name]["processor_seconds"] for one in rounds] for name in builds}
    best, median = ({name: of(some) for name, some in seconds_of.items()} for of in (min, statistics.median))
    results: dict[str, Any] = {"documents": len(texts), "megabytes": megabytes}
    results |= {"processor_seconds": best, "median_processor_seconds": median}
    for name, seconds in best.items():
        show(name, seconds, len(texts), megabytes)
        show(f"{name}, median of {len(rounds)} rounds", median[name], len(texts), megabytes)
    if arguments.before:
        verdicts = [rounds[0][name]["verdicts"] for name in builds]
        results["differing_verdicts"] = sum(a != b for a, b in zip(*verdicts, strict=True))
        times = [some["before"] / some["this build"] for some in (best, median)]
        print(f"\n{times[0]:.2f} times, by medians {times[1]:.2f}; {results['differing_verdicts']} verdicts differ")
    if arguments.datatrove:
        results["datatrove"] = datatrove(texts[:: arguments.datatrove], best["this build"] / megabytes)
    write_measurement(__file__, arguments, results)


def sample(data: Path, documents: int, limits: tuple[int, int]) -> list[str]:
    """Return the documents: as many of each file, or all that it has, evenly spaced."""
    from hanhua.documents.readers import read_records

    files = sorted([*data.glob("corpus/zh_*"), *data.glob("web/zh_*")])
    fitting = [[r.text for r in read_records(file) if limits[0] <= bytes_of(r.text) <= limits[1]] for file in files]
    fitting.sort(key=len)
    texts: list[str] = []
    for number, of_file in enumerate(fitting):
        wanted = min((documents - len(texts)) // (len(fitting) - number), len(of_file))
        texts += [of_file[place * len(of_file) // wanted] for place in range(wanted)]
    return texts


def bytes_of(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def measure(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Return processor seconds and verdicts of a build, in a process of its own."""
    with tempfile.NamedTemporaryFile("w") as file:
        json.dump(texts, file)
        file.flush()
        line = [sys.executable, __file__, "--data", ".", "--child", file.name]
        environment = {**os.environ, "PYTHONPATH": str(folder.resolve() / ".types")}
        done = subprocess.run(line, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def judge_all(file: Path) -> dict[str, Any]:
    from hanhua.filtering.config import FilteringConfig
    from hanhua.filtering.judge import Judge

    texts = json.loads(file.read_text())
    judge = Judge(FilteringConfig())
    judge.judge_all([*WARM_UP, *texts[::10]], ["zh"] * len([*WARM_UP, *texts[::10]]))
    began, judged = time.process_time(), []
    for begin in range(0, len(texts), BATCH_RECORDS):
        batch = texts[begin : begin + BATCH_RECORDS]
        judged += judge.judge_all(batch, ["zh"] * len(batch))
    seconds = time.process_time() - began
    verdicts = [[one.verdict.keep, one.verdict.reason, one.verdict.value, one.digest.hex()] for one in judged]
    return {"processor_seconds": seconds, "verdicts": verdicts}


def datatrove(texts: list[str], seconds_per_megabyte: float) -> dict[str, float]:
    """Return what datatrove's three filters take for some of the documents, and how often we are as fast."""
    from filtering_against_datatrove import time_theirs

    megabytes = sum(map(bytes_of, texts)) / 1e6
    seconds, _ = time_theirs(texts)
    show("datatrove 0.10, FineWeb2's three filters", seconds, len(texts), megabytes)
    times = seconds / megabytes / seconds_per_megabyte
    print(f"\nThis build is {times:.0f} times as fast as datatrove.")
    return {"documents": len(texts), "megabytes": megabytes, "processor_seconds": seconds, "times": times}


def show(name: str, seconds: float, documents: int, megabytes: float) -> None:
    cells = (f"{seconds:.2f}", f"{megabytes / seconds:.2f}", f"{seconds / documents * 1000:.3f}")
    print(markdown_row(name, *cells), flush=True)


if __name__ == "__main__":
    main()
