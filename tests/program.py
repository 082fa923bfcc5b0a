"""The program as people run it: a process, its exit code, what it printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "hanhua.cli.main", *map(str, arguments)]


def hanhua(*arguments: str | Path, expect: int = 0) -> dict[str, Any]:
    """Run a command with --json and return what it printed."""
    done = subprocess.run(command(*arguments, "--json"), capture_output=True, text=True)
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}
