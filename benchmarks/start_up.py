"""How long commands take to say their first word: the time a person waits before anything is read or computed.

    python benchmarks/start_up.py --repeats 5

Each command is started as a process of its own, in turn with the others, and the least and the median of its wall times
are shown; the first turn, which may read from a cold disk, is left out. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from measurement import add_json_option, markdown_head, markdown_row, write_measurement

COMMANDS: Mapping[str, Sequence[str]] = {
    "vocab-extension --help": ("hanhua.cli.vocab_extension", "--help"),
    "hanhua --help": ("hanhua.cli.main", "--help"),
    "hanhua plan toy": ("hanhua.cli.main", "plan", "toy"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="times that count; one more is made before them")
    add_json_option(parser)
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats must be 1 or more")
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(options.repeats + 1):
        for name, words in COMMANDS.items():
            took = wall_seconds(words)
            if turn:
                seconds[name].append(took)
    print(markdown_head("command", "least, s", "median, s"))
    results = []
    for name, found in seconds.items():
        least, median = min(found), statistics.median(found)
        print(markdown_row(f"`{name}`", f"{least:.2f}", f"{median:.2f}"))
        results.append({"command": name, "least_seconds": least, "median_seconds": median, "seconds": found})
    write_measurement(__file__, options, results)
    return 0


def wall_seconds(words: Sequence[str]) -> float:
    """Return how long a command takes in an empty folder. Raises CalledProcessError when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
