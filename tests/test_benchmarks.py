"""Benchmarks are run seldom: that what they take from the package is still there, and that the one for a GPU runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from test_architecture import MODULES

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def names_in(module: str) -> set[str]:
    """Return what a module defines or imports at its top, and its submodules."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found = {name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == module}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.name)
def test_what_a_benchmark_imports_is_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "hanhua":
            module = str(node.module)
            assert module in MODULES, f"{path.name} imports {module}"
            missing = {alias.name for alias in node.names} - names_in(module)
            assert not missing, f"{path.name} imports {missing} of {module}"


@pytest.mark.slow
def test_the_benchmark_for_a_gpu_runs_on_a_small_model() -> None:
    command = [
        sys.executable,
        "benchmarks/training_gpu.py",
        "--small",
        "--sequence",
        "128",
        "--steps",
        "2",
        "--recompute",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.strip()}
    for way in ("ours", "peft", "whole"):
        assert float(rows[way][0].replace(",", "")) > 0 and 5 < float(rows[way][-1]) < 9, rows
