"""Killed again and again at random moments, a run finishes with the artifacts of one that never was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from mini_run import STAGES, write_recipe
from program import command, hanhua

from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.manifest import MANIFEST, open_artifact

LONGEST_SECONDS = 5.0
"""An uninterrupted run takes some ten: kills fall into every stage, and some runs get to their end."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("mini"))


@pytest.fixture(scope="module")
def uninterrupted(recipe: Path) -> dict[str, Any]:
    return hanhua("run", recipe, "--runs", recipe.parent / "runs")


def killed_after(seconds: float, recipe: Path, runs: Path) -> bool:
    """Start a run, kill it with SIGKILL so long after its first word; return whether it was still at work."""
    process = subprocess.Popen(
        command("run", recipe, "--runs", runs),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr as words:
        words.readline()
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        running = process.poll() is None
        if running:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return running


def check_finished(runs: Path) -> None:
    """Whatever has a manifest is whole, and nothing unfinished has a finished one's name."""
    for folder in runs.glob("*/*/*"):
        if folder.is_dir() and folder.suffix != ".partial":
            FileHashes(runs / "check.json").check(open_artifact(folder))
        elif folder.is_dir():
            # A kill between manifest and rename leaves one; `KEY.partial` is what says that it is not finished.
            assert not (folder.with_suffix("") / MANIFEST).exists()


def kill_again_and_again(times: int, recipe: Path, runs: Path, *, seed: int) -> int:
    delays = random.Random(seed)
    hit = 0
    for _ in range(times):
        hit += killed_after(delays.uniform(0.0, LONGEST_SECONDS), recipe, runs)
        check_finished(runs)
    return hit


@pytest.mark.slow
def test_killed_ten_times_it_ends_the_same(recipe: Path, uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    assert kill_again_and_again(10, recipe, tmp_path, seed=7) >= 3, "the run was over before it could be killed"
    after = hanhua("run", recipe, "--runs", tmp_path)
    assert list(after["artifacts"]) == STAGES
    assert after["artifacts"] == uninterrupted["artifacts"]
    check_finished(tmp_path)
    assert not list(tmp_path.glob("*/*/*.partial"))


@pytest.mark.soak
def test_killed_fifty_times_it_ends_the_same(tmp_path: Path) -> None:
    """A longer run, so that fifty kills in succession all find it at work."""
    recipe = write_recipe(tmp_path, tokens=1_500_000)
    assert kill_again_and_again(50, recipe, tmp_path / "killed", seed=50) >= 45
    after = hanhua("run", recipe, "--runs", tmp_path / "killed")
    assert after["artifacts"] == hanhua("run", recipe, "--runs", tmp_path / "whole")["artifacts"]
    check_finished(tmp_path / "killed")
