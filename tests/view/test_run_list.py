"""A thousand runs are listed, each note read once; listing changes nothing and keeps no run out of its folder."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from filelock import Timeout
from mini_run import STAGES

from hanhua.artifacts.manifest import MANIFEST
from hanhua.artifacts.store import run_lock
from hanhua.errors import InputError
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes
from hanhua.view.held_locks import HeldLocks
from hanhua.view.run_list import RunList

RUNS = 1000


def write_run(root: Path, recipe: object, *, done: int) -> None:
    """Write what the list looks at: the note, and the manifests that say which stages are finished."""
    folders = {stage: f"{number:012x}" for number, stage in enumerate(STAGES[:done])}
    for stage, name in folders.items():
        (root / stage / name).mkdir(parents=True)
        (root / stage / name / MANIFEST).touch()
    root.mkdir(exist_ok=True)
    note = {"recipe": recipe, "stages": STAGES, "artifacts": folders}
    (root / "run.json").write_text(json.dumps(note, indent=2), encoding="utf-8")


@pytest.fixture(scope="module")
def recipe() -> object:
    return load_recipe(shipped_recipes()["llama-3-8b-zh"]).recipe.as_json()


def test_a_thousand_runs_are_listed_with_what_each_is(tmp_path: Path, recipe: object) -> None:
    for number in range(RUNS):
        write_run(tmp_path / f"run-{number:04}", recipe, done=number % (len(STAGES) + 1))
    (tmp_path / "no-run").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text('{"recipe": ', encoding="utf-8")
    rows = RunList(tmp_path).rows()
    assert len(rows) == RUNS
    by_name = {row.name: row for row in rows}
    assert (by_name["run-0007"].state, by_name["run-0007"].done) == ("done", 7)
    assert (by_name["run-0003"].state, by_name["run-0003"].stages) == ("stopped", len(STAGES))
    assert by_name["run-0003"].base == "meta-llama/Meta-Llama-3-8B"


def test_a_note_is_read_again_only_when_it_changed(tmp_path: Path, recipe: object) -> None:
    write_run(tmp_path / "one", recipe, done=1)
    runs, note = RunList(tmp_path), tmp_path / "one" / "run.json"
    before = runs.rows()
    stat = note.stat()
    note.write_text("?" * stat.st_size, encoding="utf-8")
    os.utime(note, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert runs.rows() == before
    os.utime(note)
    assert runs.rows() == []


def test_a_run_at_work_is_running_until_it_ends(tmp_path: Path, recipe: object) -> None:
    write_run(tmp_path / "one", recipe, done=1)
    runs = RunList(tmp_path)
    assert [row.state for row in runs.rows()] == ["stopped"]
    with run_lock(tmp_path / "one"):
        assert [row.state for row in runs.rows()] == ["running"]
    assert [row.state for row in runs.rows()] == ["stopped"]


def test_looking_never_keeps_a_run_out_of_its_folder(tmp_path: Path, recipe: object) -> None:
    write_run(tmp_path / "one", recipe, done=1)
    runs, lock = RunList(tmp_path), run_lock(tmp_path / "one")
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            runs.rows()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            with lock.acquire(timeout=0):
                pass
    except Timeout:
        pytest.fail("the list held the run's lock")
    finally:
        stop.set()
        looking.join()


def test_without_the_table_of_locks_a_run_that_spoke_lately_is_running(tmp_path: Path) -> None:
    locks = HeldLocks.now(tmp_path / "nothing")
    (tmp_path / ".lock").touch()
    assert not locks.hold(tmp_path / ".lock")
    (tmp_path / "run.log").write_text("a line\n", encoding="utf-8")
    assert locks.hold(tmp_path / ".lock")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "one/../one", "\\one", "nothing"])
def test_a_name_that_is_no_run_s_is_refused(tmp_path: Path, recipe: object, name: str) -> None:
    write_run(tmp_path / "one", recipe, done=0)
    with pytest.raises(InputError, match="no such run"):
        RunList(tmp_path).root(name)


def test_a_folder_that_is_not_there_holds_no_runs(tmp_path: Path) -> None:
    assert RunList(tmp_path / "runs").rows() == []
