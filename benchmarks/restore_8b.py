"""How fast, and in how much memory, a chat model is restored from full-size Llama 3 8B checkpoints.

    python benchmarks/restore_8b.py [--work DIR] [--layers N]

Writes a base and an instruct model of random weights in the real shapes (BF16, four shards each), resizes the base by
32,000 rows for the adapted one, restores in a process of its own while its anonymous memory (RssAnon: what it holds,
without the disk's cache) is watched, and removes everything. Needs about 57 GB of disk, and skips below 60.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from measurement import add_json_option, write_measurement
from resize_8b import (
    LAYERS,
    NEW_TOKENS,
    ROWS,
    SHARDS,
    WATCH_SECONDS,
    anonymous_bytes,
    resize,
    write_checkpoint,
    write_tokenizer,
)

from hanhua.base_tokenizer import resolve_base_tokenizer

NEEDED_BYTES = 60_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder on a disk with 60 GB free (default: the temporary one)")
    parser.add_argument("--layers", type=int, default=LAYERS, help="fewer, for a quick look")
    add_json_option(parser)
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.work, prefix="restore-8b-") as name:
        work = Path(name)
        needed = NEEDED_BYTES * (given.layers + 5) // (LAYERS + 5)  # the two matrices weigh as much as five layers
        free = shutil.disk_usage(work).free
        if free < needed:
            print(f"skipped: {free / 1e9:.1f} GB are free, {needed / 1e9:.0f} are needed")
            return
        make_models(work, given.layers)
        seconds, peak = restore(work)
        written = sum(path.stat().st_size for path in (work / "restored").glob("*.safetensors"))
        print(
            f"restored {given.layers} layers, {ROWS + NEW_TOKENS:,} rows: {written / 1e9:.2f} GB in {seconds:,.1f} s "
            f"({written / 1e6 / seconds:,.0f} MB/s), peak anonymous memory {peak / 1e9:.2f} GB"
        )
        results = {"written_bytes": written, "seconds": seconds, "peak_anonymous_bytes": peak}
        write_measurement(__file__, given, results)


def make_models(work: Path, layers: int) -> None:
    """Write `model` (the base), `instruct`, and `out` (the adapted one, which is the base resized)."""
    write_tokenizer(work / "tokenizer")
    write_checkpoint(work / "model", layers=layers)
    write_checkpoint(work / "instruct", layers=layers, added=0.002)
    for folder in (work / "model", work / "instruct"):
        shutil.copytree(resolve_base_tokenizer("llama3"), folder, dirs_exist_ok=True)
    resize(work, None)
    # What resizing copied byte for byte need not lie there twice.
    for n in range(2, SHARDS):
        shard = f"model-{n:05d}-of-{SHARDS:05d}.safetensors"
        (work / "out" / shard).unlink()
        (work / "out" / shard).hardlink_to(work / "model" / shard)


def restore(work: Path) -> tuple[float, int]:
    """Run the command; return its seconds, and its greatest RssAnon in bytes."""
    options = {"adapted": "out", "base": "model", "instruct": "instruct", "out": "restored"}
    words = [word for option, folder in options.items() for word in (f"--{option}", str(work / folder))]
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, "-m", "hanhua.cli.main", "restore", "--scale", "0.8", *words])
    while process.poll() is None:
        peak = max(peak, anonymous_bytes(process.pid))
        time.sleep(WATCH_SECONDS)
    if process.returncode:
        sys.exit(process.returncode)
    return time.perf_counter() - began, peak


if __name__ == "__main__":
    main()
