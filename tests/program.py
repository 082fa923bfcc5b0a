"""The program as people run it: a process, its exit code, what it printed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAVY = frozenset({"datasets", "matplotlib", "numpy", "pyarrow", "tokenizers", "torch", "transformers"})
"""Packages that take long to import; which of them a command loaded is the same on a busy machine, its time is not."""
_TELLING = """\
import atexit, json, runpy, sys
note, module, heavy = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
atexit.register(lambda: open(note, "w").write(json.dumps([name for name in heavy if name in sys.modules])))
del sys.argv[1:4]
runpy.run_module(module, run_name="__main__")
"""


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "hanhua.cli.main", *map(str, arguments)]


def hanhua(*arguments: str | Path, expect: int = 0) -> dict[str, Any]:
    """Run a command with --json and return what it printed."""
    done = subprocess.run(command(*arguments, "--json"), capture_output=True, text=True)
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


@dataclass(frozen=True)
class Started:
    """What a command did, and which of the heavy packages it had loaded when it ended."""

    code: int
    out: str
    err: str
    loaded: frozenset[str]


def started(module: str, *arguments: str | Path, folder: Path) -> Started:
    """Run a program's module in a process of its own, in a folder where it may leave what it writes."""
    note = folder / "loaded.json"
    words = [sys.executable, "-c", _TELLING, note, module, json.dumps(sorted(HEAVY)), *arguments]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=folder)
    return Started(done.returncode, done.stdout, done.stderr, frozenset(json.loads(note.read_text(encoding="utf-8"))))
