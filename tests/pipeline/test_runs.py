"""What a run leaves behind to be trusted: its lock file, its logs, its twin, and the order among its processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from mini_run import DATA, STAGES, write_recipe
from program import call, command, hanhua

from hanhua.artifacts.files import read_json
from hanhua.artifacts.store import Store
from hanhua.pipeline.lock_file import LOCK
from hanhua.pipeline.reproduce import changed_code

RUN = "Llama-3-mini"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_recipe(tmp_path_factory.mktemp("mini"))
    # A copy of the texts, so that a test may change them.
    text = path.read_text(encoding="utf-8").replace(f"{DATA}/zh_hans_a.jsonl", str(path.parent / "zh.jsonl"))
    (path.parent / "zh.jsonl").write_bytes((DATA / "zh_hans_a.jsonl").read_bytes())
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(recipe: Path) -> dict[str, Any]:
    return hanhua("run", recipe, "--runs", recipe.parent / "runs")


@pytest.fixture(scope="module")
def run(recipe: Path, finished: dict[str, Any]) -> Path:
    assert list(finished["artifacts"]) == STAGES
    return recipe.parent / "runs" / RUN


def test_the_lock_file_says_what_decided_the_run(run: Path, recipe: Path, finished: dict[str, Any]) -> None:
    lock = read_json(run / LOCK)
    assert lock["recipe"]["continued_pretrain"]["learning_rate"] == 0.01
    assert lock["recipe"]["continued_pretrain"]["beta2"] == 0.95, "defaults are written out"
    assert lock["origins"]["continued_pretrain.learning_rate"].startswith(f"{recipe}:")
    assert "continued_pretrain.beta2" not in lock["origins"], "what nobody said has no origin: it is a default"
    assert lock["seeds"]["continued_pretrain.seed"] == 0
    assert set(lock["texts"]) == {"zh", "en"} and all(len(h) == 64 for f in lock["texts"].values() for h in f.values())
    assert {stage: entry["content_hash"] for stage, entry in lock["stages"].items()} == finished["artifacts"]
    assert lock["versions"]["tokenizers"][0].isdigit() and lock["hardware"]["cores"] == os.cpu_count()


def test_every_stage_has_its_log_and_the_run_one(run: Path) -> None:
    for stage in STAGES:
        folder = next((run / stage).iterdir())
        assert (folder / "logs" / "stage.log").is_file() and read_json(folder / "logs" / "stage.json")["seconds"] >= 0
    log = (run / "run.log").read_text(encoding="utf-8")
    assert all(f"] {stage}: done in" in log for stage in STAGES)


def test_reproduced_to_the_bit(run: Path, tmp_path: Path) -> None:
    found = hanhua("reproduce", run, "--into", tmp_path / "again")
    assert found["identical"] and found["same"] and found["changes"] == []
    assert [stage["stage"] for stage in found["stages"]] == STAGES


def test_code_that_changed_since_is_told_by_reproduce(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    assert list(changed_code(copy)) == []
    (manifest,) = (copy / "filtering").glob("*/manifest.json")
    data = json.loads(manifest.read_text(encoding="utf-8"))
    data["record"]["code"]["hanhua.filtering.judge"] = "another"
    manifest.write_text(json.dumps(data), encoding="utf-8")
    assert list(changed_code(copy)) == ["filtering: code: changed hanhua.filtering.judge"]


def test_changed_texts_cannot_be_reproduced(run: Path, recipe: Path, tmp_path: Path) -> None:
    texts = recipe.parent / "zh.jsonl"
    before = texts.read_bytes()
    texts.write_bytes(before + b'{"text": "more"}\n')
    try:
        done = call("reproduce", run, "--into", tmp_path)
    finally:
        texts.write_bytes(before)
    assert done.returncode == 2 and f"corpora.zh: {texts} has changed" in done.stderr


def test_two_runs_that_differ_in_one_setting(run: Path, recipe: Path, tmp_path: Path) -> None:
    hanhua(
        "run",
        recipe,
        "--runs",
        tmp_path,
        "-s",
        "continued_pretrain.learning_rate=0.02",
        "--until",
        "continued_pretrain",
    )
    found = hanhua("compare", run, tmp_path / RUN)
    assert found["settings"] == ["continued_pretrain.learning_rate: 0.01 → 0.02"]
    assert [stage for stage, state in found["artifacts"].items() if state == "same"] == STAGES[:4]
    assert found["artifacts"]["continued_pretrain"] == "different"
    figures = {figure["label"]: figure for figure in found["figures"]}
    assert figures["loss at the end of training"]["change"] != 0 and figures["new tokens"]["change"] == 0
    text = call("compare", run, tmp_path / RUN).stdout
    assert "learning_rate: 0.01 → 0.02" in text and "loss at the end of training" in text


def test_what_is_not_a_run_is_not_compared(run: Path, tmp_path: Path) -> None:
    done = call("compare", run, tmp_path)
    assert done.returncode == 2 and "not a run" in done.stderr


def test_two_runs_do_not_meet_in_one_folder(recipe: Path, run: Path) -> None:
    with Store(run).locked():
        done = call("run", recipe, "--runs", run.parent)
        shown = hanhua("status", run)
    assert done.returncode == 2 and "another run is at work in this folder" in done.stderr
    assert {stage["state"] for stage in shown} == {"done"}


def test_the_first_interrupt_stops_safely_the_second_at_once(run: Path, recipe: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / RUN)
    process = begin_long_run(recipe, tmp_path)
    checkpoints = wait_for(tmp_path, f"{RUN}/continued_pretrain/*.partial/work/checkpoints/*", process)
    assert checkpoints, process.stderr.read() if process.stderr else ""
    watcher = subprocess.Popen(
        command("status", tmp_path / RUN, "--watch", "--json"), stdout=subprocess.PIPE, text=True
    )
    assert watcher.stdout is not None
    begun = watcher.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130 and "run the same command again to resume" in words and "Traceback" not in words
    # Not communicate(): it would leave out what readline() has read ahead.
    with watcher.stdout as rest:
        seen = [row for answer in json_documents(begun + rest.read()) for row in answer]
    assert watcher.wait(timeout=30) == 0
    assert "running" in {row["state"] for row in seen if row["stage"] == "continued_pretrain"}
    assert {row["stage"]: row["state"] for row in hanhua("status", tmp_path / RUN)}["continued_pretrain"] == "stopped"

    process = begin_long_run(recipe, tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if "continued_pretrain: goes on where it stopped" in line:
            break
    time.sleep(3.0)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)  # two signals at once would arrive as one
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)  # a shell calls both 130


def begin_long_run(recipe: Path, runs: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("run", recipe, "--runs", runs, "-s", "continued_pretrain.max_tokens=4000000"),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=hear_interrupts,
    )


def hear_interrupts() -> None:
    """Undo what a shell does to programs that it starts in the background: they and their children ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(folder: Path, pattern: str, process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if list(folder.glob(pattern)):
            return True
        time.sleep(0.05)
    return False


def json_documents(text: str) -> list[Any]:
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        value, end = decoder.raw_decode(text, at)
        found.append(value)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found


@pytest.mark.soak
def test_the_toy_is_reproduced_to_the_bit(tmp_path: Path) -> None:
    hanhua("run", "toy", "--runs", tmp_path)
    found = hanhua("reproduce", tmp_path / "Llama-3-zh-toy", "--into", tmp_path / "again")
    assert found["identical"], found
