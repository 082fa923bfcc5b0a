"""Fifteen minutes of one GPU, spent in order of worth: what is exact, what is fast, what the estimates say.

    python benchmarks/gpu_first_contact.py --out FOLDER --seconds 720
    python benchmarks/gpu_first_contact.py --out FOLDER --rehearse          # on a CPU, a thousandth of the size

Each part has a time limit and writes `FOLDER/results.jsonl` as it goes; a part that fails or hangs is noted with its
error, and the next one begins in a fresh process. Nothing is downloaded: models are random in real shapes, texts are
made up or the quickstart's. Parts: machine, attention, modes, speed, resume, engine, nf4, adaptation. What each took is
noted in seconds and in processor seconds, those of its processes included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import queue
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measurement import add_json_option, write_measurement

LIMITS = {
    "machine": 30,
    "attention": 75,
    "modes": 60,
    "speed": 210,
    "resume": 75,
    "engine": 60,
    "nf4": 60,
    "adaptation": 150,
}
"""Seconds that each part may take, in the order in which they run."""
START_SECONDS = 60
"""Of a fresh process, for importing torch and transformers."""
REHEARSAL_TIMES = 20
"""All limits are this much longer in a rehearsal, where no device is paid for and the processor may be busy."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for results.jsonl and what parts write")
    parser.add_argument("--seconds", type=float, default=720, help="for all parts together")
    parser.add_argument("--parts", nargs="+", choices=list(LIMITS), default=list(LIMITS))
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes, on the CPU")
    add_json_option(parser)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    found = []
    with (given.out / "results.jsonl").open("a", encoding="utf-8") as file:
        for result in run_parts(given):
            found.append(result)
            file.write(json.dumps(result) + "\n")
            file.flush()
            print(json.dumps(result), flush=True)
    write_measurement(__file__, given, found)
    return 1 if any("error" in result for result in found) else 0


def run_parts(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield what the parts find. One process runs them in turn; when one of them kills or outlasts it, a new one."""
    times = REHEARSAL_TIMES if given.rehearse else 1
    deadline = time.monotonic() + given.seconds * times
    limits = {name: seconds * times for name, seconds in LIMITS.items()}
    waiting = [name for name in LIMITS if name in given.parts]
    context = multiprocessing.get_context("spawn")
    while waiting and time.monotonic() < deadline:
        results = context.Queue()
        left = deadline - time.monotonic()
        process = context.Process(target=work, args=(waiting, limits, given.rehearse, str(given.out), left, results))
        process.start()
        yield from _listen(process, results, waiting, limits, deadline, START_SECONDS * times)
        process.kill()
        process.join()
    for name in waiting:
        yield {"part": name, "skipped": "the time was spent"}


def _listen(
    process: Any, results: Any, waiting: list[str], limits: dict[str, int], deadline: float, start_seconds: float
) -> Iterator[dict[str, Any]]:
    """Yield results until the parts are through, or the process died or hangs; take finished ones off `waiting`."""
    limit = time.monotonic() + start_seconds + limits[waiting[0]]
    while waiting:
        try:
            result = results.get(timeout=0.5)
        except queue.Empty:
            late = time.monotonic() > min(limit, deadline)
            if not late and process.is_alive():
                continue
            why = f"took more than {limits[waiting[0]]} s" if late else f"the process ended with {process.exitcode}"
            yield {"part": waiting.pop(0), "error": why}
            return
        if not result.get("done"):
            yield result
            continue
        waiting.pop(0)
        yield {key: value for key, value in result.items() if key != "done"}
        if waiting:
            limit = time.monotonic() + limits[waiting[0]]


def work(parts: list[str], limits: dict[str, int], rehearse: bool, out: str, seconds: float, results: Any) -> None:
    """Run parts one after the other in this process; each yields results as plain data."""
    import gpu_adaptation
    import gpu_exactness
    import gpu_speed
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    deadline = time.monotonic() + seconds
    device = torch.device("cuda" if torch.cuda.is_available() and not rehearse else "cpu")
    sources: dict[str, Any] = {
        "machine": gpu_speed.machine,
        "attention": gpu_exactness.attention,
        "modes": gpu_exactness.modes,
        "speed": gpu_speed.speed,
        "resume": gpu_exactness.resume,
        "engine": gpu_speed.engine,
        "nf4": gpu_exactness.nf4,
        "adaptation": gpu_adaptation.adaptation,
    }
    used = 0.0  # so that the first part has the imports as well
    for name in list(parts):
        began = time.monotonic()
        last: dict[str, Any] = {"part": name, "done": True}
        try:
            until = min(deadline, began + limits[name]) - 5
            for found in sources[name](device, rehearse, Path(out), until):
                results.put({"part": name, **found})
        except Exception as error:
            last["error"] = f"{type(error).__name__}: {error}"[:2000]
            last["where"] = traceback.format_exc(limit=-4)[-1500:]
        last["seconds"] = round(time.monotonic() - began, 1)
        used, before = sum(os.times()[:4]), used
        last["processor_seconds"] = round(used - before, 1)
        results.put(last)
    results.close()
    results.join_thread()


if __name__ == "__main__":
    sys.exit(main())
