"""The GitHub Action: its steps are run as a runner runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from broken_extensions import hole_in_ids, write_broken
from repository import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]


def test_every_step_is_a_script_that_takes_no_input_but_by_its_environment() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input in a script can be a command"
        subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)
    named = {
        name for step in STEPS for text in step.get("env", {}).values() for name in re.findall(r"inputs\.(\w+)", text)
    }
    assert named == set(ACTION["inputs"])
    told = set(re.findall(r'print\("([\w-]+)=', STEPS[-1]["run"]))
    assert told == set(ACTION["outputs"])


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
def test_its_steps_verify_a_tokenizer(base: Path, extension: Path, tmp_path: Path, broken: bool) -> None:
    folder = write_broken(extension, hole_in_ids, tmp_path / "their-zh") if broken else extension
    runner = Runner(tmp_path, {"tokenizer": str(folder), "base": str(base), "report": str(tmp_path / "report.html")})
    assert [runner.run(step) for step in STEPS] == [0, int(broken)]
    outputs = dict(line.split("=", 1) for line in runner.read("GITHUB_OUTPUT").splitlines())
    assert outputs["sound"] == str(not broken).lower()
    assert ("holes in ids" in outputs["faults"]) is broken
    assert ("Not sound" if broken else "Sound, and only text") in runner.read("GITHUB_STEP_SUMMARY")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ("holes in ids" in page) is broken
    assert str(tmp_path) not in page and "http" not in page


class Runner:
    """What a runner gives a composite action: inputs with their defaults, files for outputs and summary, a PATH."""

    def __init__(self, folder: Path, given: dict[str, str]) -> None:
        self.inputs = {name: given.get(name, entry.get("default", "")) for name, entry in ACTION["inputs"].items()}
        programs = folder / "bin"
        programs.mkdir()
        for name, words in (("vocab-extension", "-m hanhua.cli.vocab_extension"), ("python", "")):
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n', encoding="utf-8")
            (programs / name).chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "RUNNER_TEMP": str(folder)}
        self.environment["GITHUB_ACTION_PATH"] = str(ROOT)
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            (folder / name).touch()
            self.environment[name] = str(folder / name)

    def run(self, step: dict[str, Any]) -> int:
        """Return the exit code of a step, run with the flags a runner gives bash."""
        env = {
            key: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", self._value, text) for key, text in step.get("env", {}).items()
        }
        bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(bash, env={**self.environment, **env}).returncode

    def _value(self, found: re.Match[str]) -> str:
        return self.inputs[found[1]]

    def read(self, name: str) -> str:
        """Return what a step wrote into one of the runner's files."""
        return Path(self.environment[name]).read_text(encoding="utf-8")
