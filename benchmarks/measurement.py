"""What every benchmark prints and writes alike: rows of a Markdown table, and the JSON file of `--json`.

The JSON file holds the figures with all that they depend on: `benchmark`, `commit`, `date`, `machine`, `versions`,
`arguments` and `results`. It is what stands beside a page of `docs/results/`.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_json
from hanhua.artifacts.manifest import library_versions

LIBRARIES = (
    "accelerate", "datatrove", "lm_eval", "llama_cpp_python", "numpy", "peft", "safetensors", "tokenizers", "torch",
    "transformers",
)  # fmt: skip
NOT_ARGUMENTS = ("json", "child")
"""Options that decide nothing about the figures: where they are written, and which part a child process plays."""
NO_GIT = "unknown"


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark the option `--json FILE`."""
    parser.add_argument(
        "--json",
        type=_new_file,
        metavar="FILE",
        help="also write the figures, with commit, machine and versions, there",
    )


def write_measurement(benchmark: str, given: argparse.Namespace, results: Any) -> None:
    """Write the figures where `--json` says, if it was given.

    benchmark: the script's `__file__`. results: plain data with units in its names; unrounded.
    """
    if given.json is not None:
        write_json(given.json, measurement(benchmark, given, results))


def measurement(benchmark: str, given: argparse.Namespace, results: Any) -> dict[str, Any]:
    """Return what the JSON file holds. commit: ends with `-dirty` when tracked files had changes."""
    versions = {name: found for name, found in library_versions(LIBRARIES).items() if found != "absent"}
    arguments = {name: _without_place(value) for name, value in vars(given).items() if name not in NOT_ARGUMENTS}
    return {
        "benchmark": Path(benchmark).stem,
        "commit": commit(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **versions},
        "arguments": arguments,
        "results": results,
    }


def commit() -> str:
    """Return the full hash of the commit this file is at, `-dirty` behind it when tracked files differ from it."""
    line = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(line, cwd=Path(__file__).parent, capture_output=True, text=True)
    except FileNotFoundError:
        return NO_GIT
    return done.stdout.strip() if done.returncode == 0 else NO_GIT


def machine() -> dict[str, Any]:
    """Return the processor's model, the cores this process may use, memory in GiB, and the GPU if torch sees one."""
    found: dict[str, Any] = {
        "cpu": _line_of("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }
    torch = sys.modules.get("torch")  # a benchmark without torch does not load it for this
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def markdown_head(*columns: str) -> str:
    """Return the first two lines of a Markdown table."""
    return f"{markdown_row(*columns)}\n{'|---' * len(columns)}|"


def markdown_row(*cells: str) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def counted(reasons: Mapping[str, int]) -> str:
    """Return `name count, name count`, the most frequent first."""
    return ", ".join(f"{name} {count}" for name, count in sorted(reasons.items(), key=lambda item: -item[1]))


def _new_file(text: str) -> Path:
    path = Path(text)
    # Said before the benchmark runs, not after its hours.
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}; make it, or name another file")
    return path


def _without_place(value: Any) -> Any:
    """Return an argument as plain data. Of a path only the name stays: the folder it lies in belongs to a machine."""
    if isinstance(value, (list, tuple)):
        return [_without_place(one) for one in value]
    if isinstance(value, Path) or (isinstance(value, str) and value.startswith("/")):
        return Path(value).name
    return value


def _line_of(file: str, key: str) -> str:
    path = Path(file)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
