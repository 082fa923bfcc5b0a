"""`status` and `plan` say the same of a run; a full disk is named, with what is needed."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hanhua.artifacts import Artifact
from hanhua.errors import HanhuaError
from hanhua.pipeline.plan_steps import plan
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.runner import run
from hanhua.pipeline.stages import registered
from hanhua.pipeline.status import stage_statuses
from hanhua.services import Services
from hanhua.stage import Input, Stage

STATES = {"cached": {"done"}, "resumes": {"running", "stopped"}, "runs": {"to do"}, "waits": {"to do"}}


def recipe(folder: Path) -> Path:
    lines = [
        json.dumps({"text": f"第{n}天，老张推着车出门，先到桥头买两个烧饼，再绕到河边看一会儿别人下棋。"})
        for n in range(30)
    ]
    (folder / "texts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text("name: agreed\ncorpora: {zh: {path: texts.jsonl}}\nfiltering: {preset: none, heldout_ratio: 0.1}\n")
    return path


def agree(path: Path, runs: Path, *overrides: str) -> dict[str, str]:
    steps = {step.stage: step.state for step in plan(load_recipe(path, overrides), runs=runs)}
    shown = {one.stage: one.state for one in stage_statuses(runs / "agreed")}
    assert steps.keys() == shown.keys()
    assert all(shown[stage] in STATES[state] for stage, state in steps.items()), (steps, shown)
    return shown


def test_status_says_what_plan_says(tmp_path: Path) -> None:
    path, runs = recipe(tmp_path), tmp_path / "runs"
    run(load_recipe(path), runs=runs)
    assert set(agree(path, runs).values()) == {"done"}
    other = "filtering.heldout_ratio=0.2"
    run(load_recipe(path, [other]), runs=runs, until="filtering")
    assert agree(path, runs, other) == {"filtering": "done", "report": "to do"}
    run(load_recipe(path), runs=runs, until="filtering")
    assert agree(path, runs) == {"filtering": "done", "report": "done"}, "the report of these settings is still there"
    (tmp_path / "texts.jsonl").write_text('{"text": "别的文本"}\n', encoding="utf-8")
    assert set(agree(path, runs).values()) == {"to do"}
    (tmp_path / "texts.jsonl").unlink()
    assert [one.stage for one in stage_statuses(runs / "agreed")] == ["filtering", "report"], (
        "as its last command left it"
    )
    shutil.move(runs / "agreed", runs / "renamed")
    assert [one.state for one in stage_statuses(runs / "renamed")] == ["done", "to do"]


class Nothing(BaseModel):
    """A section without keys."""


def fill_the_disk(config: Nothing, inputs: Mapping[str, Artifact], out: Path, *, services: Services) -> dict[str, Any]:
    """Write to a device that is always full."""
    with Path("/dev/full").open("wb") as file:
        file.write(b"x" * 10_000)
    return {}


FULL = Stage(
    name="full_disk",
    makes="nothing",
    section=Nothing,
    function=f"{__name__}:fill_the_disk",
    output_version=1,
    inputs=(Input("corpus"),),
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_names_the_path_and_what_is_free(tmp_path: Path) -> None:
    path = recipe(tmp_path)
    with registered(FULL):
        path.write_text(path.read_text() + "full_disk: {}\n")
        with pytest.raises(HanhuaError) as caught:
            run(load_recipe(path), runs=tmp_path / "runs")
    said = str(caught.value)
    assert "full_disk" in said and "the disk is full" in said and "free)" in said and "hanhua plan" in said, said


def test_a_run_says_at_its_start_that_the_disk_will_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2000, 1000, 1000))
    run(load_recipe(recipe(tmp_path)), runs=tmp_path / "runs", until="filtering")
    said = capsys.readouterr().err
    assert "of disk will be needed (filtering" in said and "1 kB are free" in said, said
