"""Code that changes between two runs: words redo nothing, statements are told as drift, and --strict redoes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mini_run import write_recipe
from repository import ROOT

SPINE = "progress.py"
RULE = "filtering/rules/length.py"


class Copy:
    """The package in a folder of its own, whose sources a test may change, and a recipe to run with it."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "lib" / "hanhua"
        shutil.copytree(ROOT / ".types" / "hanhua", self.package, ignore=shutil.ignore_patterns("__pycache__"))
        self.recipe = write_recipe(folder)
        self.runs = folder / "runs"
        self.run_folder = self.runs / "Llama-3-mini"

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "hanhua.cli.main", *map(str, words)]
        path = os.environ | {"PYTHONPATH": str(self.package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=path)

    def run(self, *options: str) -> tuple[list[str], str]:
        """Run the recipe; return the stages that were made, and what was said."""
        process = self.start("run", self.recipe, "--runs", self.runs, "--json", *options)
        out, said = process.communicate()
        assert process.returncode == 0, said
        return json.loads(out)["made"], said

    def say_something_in(self, module: str) -> None:
        """Change a module by words alone: a comment, and another docstring."""
        path = self.package / module
        text = path.read_text(encoding="utf-8")
        assert '"""' in text
        path.write_text("# A remark.\n" + text.replace('"""', '"""In other words: ', 1) + "\n# And one more.\n")

    def change(self, module: str) -> None:
        path = self.package / module
        path.write_text(path.read_text(encoding="utf-8") + "\n\ndef _another() -> int:\n    return 1\n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("finished"))
    copy.run("--until", "resize")
    return copy


def test_words_redo_nothing_and_statements_are_drift(finished: Copy) -> None:
    finished.say_something_in(SPINE)
    finished.say_something_in(RULE)
    made, said = finished.run("--until", "resize")
    assert made == [] and "other code" not in said
    finished.change(RULE)
    made, said = finished.run("--until", "resize")
    assert made == []
    assert "filtering: made with other code or libraries, and reused" in said
    assert "changed hanhua.filtering.rules.length" in said
    assert said.count("other code") == 1, "no other stage reaches that module"


def test_drift_is_told_by_plan_and_status_and_strict_redoes(finished: Copy) -> None:
    finished.change(RULE)
    out, _ = finished.start("plan", finished.recipe, "--runs", finished.runs, "--json").communicate()
    steps = {step["stage"]: step for step in json.loads(out)["stages"]}
    assert steps["filtering"]["state"] == "cached"
    assert any("hanhua.filtering.rules.length" in line for line in steps["filtering"]["drift"])
    assert steps["resize"]["drift"] == []
    out, _ = finished.start("plan", finished.recipe, "--runs", finished.runs, "--json", "--strict").communicate()
    assert next(step for step in json.loads(out)["stages"] if step["stage"] == "filtering")["state"] == "runs"
    out, _ = finished.start("status", finished.run_folder).communicate()
    assert "filtering: made with other code or libraries: code: changed hanhua.filtering.rules.length" in out

    made, _ = finished.run("--until", "resize", "--strict")
    assert made == ["filtering"], "what was made again came out the same, so nothing after it is"
    assert len(list((finished.run_folder / "filtering").glob("*.replaced1"))) == 1, "the first one is kept"
    made, said = finished.run("--until", "resize")
    assert made == [] and "other code" not in said
    out, _ = finished.start("clean", finished.run_folder, "--json").communicate()
    assert [orphan["what"] for orphan in json.loads(out)] == ["replaced"]
    finished.start("clean", finished.run_folder, "--delete").communicate()
    assert not list((finished.run_folder / "filtering").glob("*.replaced1"))


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_after_a_remark_in_the_spine(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    longer = ("-s", "continued_pretrain.max_tokens=60000", "-s", "continued_pretrain.save_steps=2")
    process = copy.start("run", copy.recipe, "--runs", copy.runs, *longer)
    checkpoints = "continued_pretrain/*.partial/work/checkpoints/step-*"
    until = time.monotonic() + 120
    while len(list(copy.run_folder.glob(checkpoints))) < 2 and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    copy.say_something_in(SPINE)
    copy.say_something_in("artifacts/files.py")
    made, said = copy.run(*longer, "--until", "continued_pretrain")
    assert made == ["continued_pretrain"]
    assert "continued_pretrain: goes on where it stopped" in said
    assert "resuming from the checkpoint of step" in said and "other code" not in said


@pytest.mark.slow
def test_unfinished_work_of_other_settings_is_named_and_can_be_removed(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.run("--until", "resize")
    longer = ("-s", "continued_pretrain.max_tokens=400000")
    process = copy.start("run", copy.recipe, "--runs", copy.runs, *longer)
    until = time.monotonic() + 60
    while not list(copy.run_folder.glob("continued_pretrain/*.partial/key.json")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    made, said = copy.run("--until", "continued_pretrain")
    assert made == ["continued_pretrain"]
    assert "is unfinished work of other settings and is not taken up (config.max_tokens: 400000 → 16384)" in said
    assert f"hanhua clean {copy.run_folder}" in said
    out, _ = copy.start("clean", copy.run_folder).communicate()
    assert "unfinished" in out and "--delete" in out
    assert list(copy.run_folder.glob("continued_pretrain/*.partial")), "nothing goes without being told"
    copy.start("clean", copy.run_folder, "--delete").communicate()
    assert not list(copy.run_folder.glob("continued_pretrain/*.partial"))
