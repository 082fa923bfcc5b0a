"""The program as people run it: a process, its exit code, what it printed.

Most of a short command's time goes into importing torch and transformers. `call` therefore forks its process off one
that has imported them and done nothing else; where importing is what is tested, `started` begins from nothing.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

HEAVY = frozenset({"datasets", "matplotlib", "numpy", "pyarrow", "tokenizers", "torch", "transformers"})
"""Packages that take long to import; which of them a command loaded is the same on a busy machine, its time is not."""
_PRELOADED = ["torch", "transformers.models.llama.modeling_llama", "transformers.models.auto.modeling_auto"]
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
    done = call(*arguments, "--json")
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def call(
    *arguments: object,
    said: str | bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    module: str = "hanhua.cli.main",
) -> subprocess.CompletedProcess[str]:
    """Run a program's module in a process of its own; `said` is its standard input."""
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("in", "out", "err")]
        streams[0].write_bytes(said.encode() if isinstance(said, str) else said)
        process = _prepared().Process(
            target=_begin,
            args=(module, words, [str(path) for path in streams], cwd, dict(os.environ if env is None else env)),
        )
        process.start()
        process.join()
        out, error = (path.read_text(encoding="utf-8", errors="replace") for path in streams[1:])
    assert process.exitcode is not None
    return subprocess.CompletedProcess(words, process.exitcode, out, error)


def _prepared() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _begin(module: str, words: list[str], streams: list[str], cwd: Path | None, env: dict[str, str]) -> None:
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT), number)
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd or ".")
    sys.argv = [module, *words]
    import_module(module).main()


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
