"""The same verdicts inside datatrove's executors as in our own pool."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from repository import QUICKSTART

from hanhua.documents.corpus import read_corpus
from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.engine.intake import Intake
from hanhua.filtering.judge import Judge

datatrove = pytest.importorskip("datatrove")
TEXTS = QUICKSTART
CORPORA = {"web": f"{TEXTS}/dirty.jsonl", "zh": f"{TEXTS}/zh_han*.jsonl", "en": f"{TEXTS}/en.jsonl"}
HANHUA = [sys.executable, "-c", "from hanhua.cli.main import main; main()"]
# What sbatch and srun come down to on one machine: the tasks of the array, one after another.
SBATCH = """#!/bin/bash
script=$(mktemp) && cat "${@: -1}" > $script
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' $script)
for task in $(seq 0 ${last:-0}); do
  export SLURM_NODELIST=localhost SLURM_NODEID=0 RUN_OFFSET=0
  env SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=$((${last:-0} + 1)) bash $script >> LOG 2>&1
done
echo "Submitted batch job 1"
"""
SRUN = """#!/bin/bash
while [[ $1 == -* ]]; do if [[ $1 == -n ]]; then shift; fi; shift; done
exec "$@"
"""
SCONTROL = "#!/bin/bash\necho localhost\n"


def run(*arguments: object, env: Mapping[str, str] | None = None) -> str:
    command = [*HANHUA, "filter", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, env={**os.environ, "COLUMNS": "200", **(env or {})}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def cluster(tmp_path: Path, kind: str, *options: str, env: Mapping[str, str] | None = None) -> tuple[Path, str]:
    named = [f"{name}={path}" for name, path in CORPORA.items()]
    said = run(
        "cluster", *named, "--language", "en=en", "--out", tmp_path / "out",
        "--executor", kind, "--tasks", 2, *options, env=env,
    )  # fmt: skip
    (folder,) = (tmp_path / "out").iterdir()
    return folder, said


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (line for path in folder.rglob("*.gz") for line in gzip.decompress(path.read_bytes()).splitlines())
    return {row["id"]: row for row in map(json.loads, lines)}


def check_against_our_own(folder: Path) -> None:
    kept, rejected = rows_of(folder / "kept"), rows_of(folder / "rejected")
    judge, seen = Judge(FilteringConfig()), 0
    languages = {"en": "en"}
    inputs = {
        name: CorpusConfig(path=path, language=languages.get(name, "zh"))  # type: ignore[arg-type]
        for name, path in CORPORA.items()
    }
    for batch in Intake(inputs).batches():
        for text, fields in zip(batch.texts, batch.rest, strict=True):
            judged = judge.judge(text, language=fields["language"])
            if judged.verdict.keep:
                assert kept[fields["id"]] == {**fields, "text": judged.text, "script": judged.script}
            else:
                assert rejected[fields["id"]]["filter_reason"] == judged.verdict.reason
            seen += 1
    assert seen == len(kept) + len(rejected) > 200


@pytest.mark.slow
def test_the_local_executor_gives_the_same_verdicts_and_the_second_step_the_same_corpus(tmp_path: Path) -> None:
    folder, said = cluster(tmp_path, "local", "--set", "workers=2")
    check_against_our_own(folder)
    then = re.search(r"^then: hanhua filter (.*) --out CORPUS$", said, re.MULTILINE)
    assert then is not None
    run(*shlex.split(then[1]), "--out", tmp_path / "corpus")
    named = [f"{name}={path}" for name, path in CORPORA.items()]
    run("run", *named, "--language", "en=en", "--out", tmp_path / "own")
    theirs, ours = ({one.text: one.split for one in read_corpus(tmp_path / name)} for name in ("corpus", "own"))
    assert theirs == ours and len(ours) > 150


@pytest.mark.slow
def test_a_slurm_array_gives_the_same_verdicts(tmp_path: Path) -> None:
    """Through sbatch and srun as scripts that do on this machine what a cluster does."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, script in {"sbatch": SBATCH, "srun": SRUN, "scontrol": SCONTROL}.items():
        (tools / name).write_text(script.replace("LOG", str(tmp_path / "log")), encoding="utf-8")
        (tools / name).chmod(0o755)
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    folder, said = cluster(tmp_path, "slurm", "--set", "time=00:10:00", "--set", "partition=cpu", env={"PATH": path})
    assert said.lstrip().startswith("submitted: ")
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert (folder / "kept").is_dir(), log[-3000:]
    check_against_our_own(folder)
    launched = (folder / "logs" / "launch_script.slurm").read_text(encoding="utf-8")
    assert "--partition=cpu" in launched and "--array=0-1" in launched


@pytest.mark.soak
def test_ray_on_one_machine_gives_the_same_verdicts(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    folder, _ = cluster(tmp_path, "ray", "--set", "cpus_per_task=1", "--set", "mem_per_cpu_gb=1")
    check_against_our_own(folder)


def test_an_option_the_executor_does_not_take_is_named(tmp_path: Path) -> None:
    command = ["filter", "cluster", CORPORA["web"], "--out", str(tmp_path / "out"), "--set", "partition=cpu"]
    done = subprocess.run([*HANHUA, *command], capture_output=True, text=True)
    assert done.returncode == 2 and "local executor" in done.stderr and "partition" in done.stderr
