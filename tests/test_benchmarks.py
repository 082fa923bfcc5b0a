"""Benchmarks are run seldom: what they take from the package is there, their figures are written, two of them run."""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from measurement import add_json_option, commit, measurement
from test_architecture import MODULES

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

SERVERS = {"smollm2_teacher.py"}
"""Scripts that serve a model to a benchmark, and measure nothing."""


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


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.name)
def test_what_takes_arguments_writes_its_figures(path: Path) -> None:
    called = {
        getattr(node.func, "attr", getattr(node.func, "id", ""))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    if "ArgumentParser" in called and path.name not in SERVERS:
        assert {"add_json_option", "write_measurement"} <= called


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", nargs="+")
    add_json_option(parser)
    return parser.parse_args(words)


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed("--json", str(tmp_path / "figures.json")).json == tmp_path / "figures.json"
    with pytest.raises(SystemExit):
        parsed("--json", str(tmp_path / "none" / "figures.json"))
    assert "there is no folder" in capsys.readouterr().err


def test_a_measurement_names_no_place_of_the_machine(tmp_path: Path) -> None:
    given = parsed("--data", str(tmp_path / "corpora"), "--only", str(tmp_path / "a"), "b")
    found = measurement(__file__, given, {"seconds": 1.5})
    assert found["arguments"] == {"data": "corpora", "only": ["a", "b"]}
    assert str(tmp_path) not in json.dumps(found) and found["benchmark"] == "test_benchmarks"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_uncommitted_changes_show_in_the_commit(tmp_path: Path) -> None:
    shutil.copy(BENCHMARKS / "measurement.py", tmp_path)

    def git(*words: str) -> str:
        who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        return subprocess.run(["git", *who, *words], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    def commit_there() -> str:
        line = [sys.executable, "-c", "import measurement; print(measurement.commit())"]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    git("tag", "-a", "v1", "-m", "a tag changes nothing")
    head = git("rev-parse", "HEAD").strip()
    assert commit_there() == head
    with (tmp_path / "measurement.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert commit_there() == f"{head}-dirty"


def test_the_benchmark_of_filtering_speed_writes_what_it_prints(tmp_path: Path) -> None:
    texts, out = BENCHMARKS.parent / "recipes" / "quickstart" / "zh_hant.jsonl", tmp_path / "figures.json"
    shutil.copy(texts, tmp_path)
    script = "benchmarks/filtering_throughput.py"
    words = ["--data", str(tmp_path), "--only", "zh_hant", "--documents", "20", "--json", str(out)]
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    (result,) = found["results"]
    keys = {"benchmark", "commit", "date", "machine", "versions", "arguments", "results"}
    assert found.keys() == keys and found["benchmark"] == "filtering_throughput" and found["commit"] == commit()
    assert found["machine"]["cores"] > 0 and found["machine"]["memory_gib"] > 0 and found["versions"]["tokenizers"]
    assert found["arguments"]["documents"] == 20 == result["documents"]
    rate = result["megabytes"] / result["processor_seconds"]
    row = f"| zh_hant.jsonl | 20 | {result['megabytes']:.1f} | {rate:.1f} | {result['kept_ratio']:.2%} |"
    assert done.stdout.splitlines()[-1].startswith(row)
    assert result["kept_ratio"] == pytest.approx(1 - sum(result["rejected"].values()) / 20)


@pytest.mark.slow
def test_the_script_for_a_first_gpu_is_rehearsed_whole(tmp_path: Path) -> None:
    script = "benchmarks/gpu_first_contact.py"
    words = ["--out", str(tmp_path), "--rehearse", "--json", str(tmp_path / "figures.json")]
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, cwd=BENCHMARKS.parent)
    found = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["results"]
    assert done.returncode == 0, [one for one in found if "error" in one] or done.stderr
    parts: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        parts.setdefault(one["part"], []).append(one)
    assert list(parts) == ["machine", "attention", "modes", "speed", "resume", "engine", "nf4", "adaptation"]
    for one in parts["attention"][:-1]:
        assert max(one["relative_error"].values()) < (0.02 if "bfloat16" in one["dtype"] else 1e-5)
    for one in parts["modes"][:-1]:
        assert one["gradient_error"] < (0.1 if "bfloat16" in one["dtype"] else 1e-5)
    assert {(one["way"], one["compiled"]) for one in parts["speed"] if "tokens_per_second" in one} == {
        ("ours", False), ("ours", True), ("peft", False), ("whole", False), ("ours without rows", False)
    }  # fmt: skip
    assert all(one[-1]["processor_seconds"] >= 0 for one in parts.values())
    (adapted, _) = parts["adaptation"]
    assert (adapted["code"], adapted["steps"], adapted["last_measurement"]["step"]) == (0, 6, 6), adapted
    assert adapted["losses"][1] < adapted["losses"][0]
    weights = {tuple(one["sha256"]) for one in parts["resume"][:-1]}
    assert len(weights) == 1 and parts["resume"][0]["kills"] == 1
