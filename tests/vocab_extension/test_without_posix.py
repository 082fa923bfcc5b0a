"""The commands for a tokenizer, with what Windows lacks taken away before anything is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_llama import QUICKSTART

ZH = [str(path) for path in sorted(QUICKSTART.glob("zh_*.jsonl"))]
LACKING = """
import os, signal, sys
sys.modules["fcntl"] = sys.modules["resource"] = sys.modules["pwd"] = sys.modules["grp"] = None
for name in ("fork", "forkpty", "killpg", "getuid", "getpgid", "sysconf", "O_DIRECTORY", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGALRM", "alarm", "pthread_sigmask"):
    delattr(signal, name)
"""
RUN = (
    LACKING + "sys.argv[:] = ['vocab-extension', *sys.argv[1:]]\nfrom hanhua.cli.vocab_extension import main\nmain()\n"
)


def run(*words: object) -> str:
    command = [sys.executable, "-c", RUN, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_learn_verify_and_measure_run_without_what_windows_lacks(base: Path, tmp_path: Path) -> None:
    run("learn", "--base", base, "--corpus", *ZH, "--new-tokens", 256, "--out", tmp_path / "zh")
    proved = json.loads(run("verify", tmp_path / "zh", "--base", base, "--texts", *ZH, "--json"))
    assert proved["ok"]
    measured = json.loads(run("measure", base, tmp_path / "zh", "--texts", *ZH, "--json"))
    assert {row["tokenizer"] for row in measured} == {str(base), str(tmp_path / "zh")}


def test_the_doctor_does_without_sysconf() -> None:
    code = f"{LACKING}\nfrom hanhua.pipeline.planning.doctor import diagnosis\nprint(diagnosis()['memory'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "not known\n"
