"""The same verdicts inside datatrove's executors as in our own pool."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hanhua.documents import read_records
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge

pytest.importorskip("datatrove")
TEXTS = Path(__file__).resolve().parents[2] / "recipes" / "quickstart"
SCRIPT = """
import sys
from hanhua.filtering import FilteringConfig
from hanhua.filtering.engine.datatrove_steps import build_executor
kind, texts, out = sys.argv[1:]
options = {"start_method": "spawn", "workers": 2} if kind == "local" else {"cpus_per_task": 1, "mem_per_cpu_gb": 1}
if __name__ == "__main__":
    files = [f"{texts}/dirty.jsonl", f"{texts}/zh_hans_a.jsonl", f"{texts}/zh_hant.jsonl"]
    build_executor(FilteringConfig(), files, out, kind=kind, tasks=2, options=options).run()
"""


def run(tmp_path: Path, kind: str) -> Path:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, script, kind, TEXTS, out], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    (folder,) = out.iterdir()
    return folder


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (line for path in folder.glob("*.gz") for line in gzip.decompress(path.read_bytes()).splitlines())
    return {row["id"]: row for row in map(json.loads, lines)}


def check_against_our_own(folder: Path) -> None:
    kept, rejected = rows_of(folder / "kept"), rows_of(folder / "rejected")
    judge = Judge(FilteringConfig())
    seen = 0
    for name in ("dirty", "zh_hans_a", "zh_hant"):
        path = TEXTS / f"{name}.jsonl"
        for record in read_records(path):
            judged = judge.judge(record.text, language="zh")
            place = f"{path}#{record.number}"
            if judged.verdict.keep:
                assert kept[place]["text"] == judged.text
            else:
                assert rejected[place]["metadata"]["filter_reason"] == judged.verdict.reason
            seen += 1
    assert seen == len(kept) + len(rejected) > 150


def test_the_local_executor_gives_the_same_verdicts(tmp_path: Path) -> None:
    check_against_our_own(run(tmp_path, "local"))


@pytest.mark.soak
def test_ray_on_one_machine_gives_the_same_verdicts(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    check_against_our_own(run(tmp_path, "ray"))
