"""A whole comparison by its command: killed and shared, it comes to the same verdict to the byte."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from tiny_comparison import write_recipe

from hanhua.artifacts.files import write_json
from hanhua.cli.entry import run_command
from hanhua.cli.evidence import load_evidence
from hanhua.cli.main import app
from hanhua.experiments.evidence.arm_run import RESULT, TIMES
from hanhua.experiments.evidence.comparison import PAGE, VERDICT, how_far
from hanhua.experiments.evidence.jobs import jobs_of
from hanhua.experiments.evidence.preregistration import FILE
from hanhua.experiments.evidence.recipe import ScratchSettings
from hanhua.experiments.evidence.scratch_base import write_character_tokenizer
from hanhua.model_folder import load_tokenizer
from hanhua.vocab_extension.tokenizer_json import read_bpe_file
from hanhua.zh_text.scripts import is_han

LONGEST_SECONDS = 500


def started(recipe: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hanhua.cli.main", "evidence", str(recipe), "--out", str(out), "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def ended(process: subprocess.Popen[str]) -> dict[str, object]:
    out, error = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode in (0, 1), error  # 1: void, which two seeds of a tiny model may well be
    found: dict[str, object] = json.loads(out)
    return found


@pytest.mark.slow
def test_killed_and_shared_it_comes_to_the_same_verdict_to_the_byte(tmp_path: Path) -> None:
    recipe, chance = write_recipe(tmp_path), random.Random(random.randrange(1 << 30))
    whole = started(recipe, tmp_path / "whole")
    verdict = ended(whole)
    out = tmp_path / "killed"
    for results in (0, 2):
        process = started(recipe, out)
        deadline = time.monotonic() + LONGEST_SECONDS
        while len(list(out.glob(f"arms/*/*/{RESULT}"))) < results or not (out / FILE).is_file():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(chance.random() / 2)  # all of it takes but seconds on a fast machine
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (out / VERDICT).is_file()
    together = [started(recipe, out) for _ in range(2)]
    assert [ended(process) for process in together] == [verdict, verdict]
    assert (out / VERDICT).read_bytes() == (tmp_path / "whole" / VERDICT).read_bytes()
    assert (out / FILE).read_bytes() == (tmp_path / "whole" / FILE).read_bytes()
    placebos = verdict["placebos"]
    assert isinstance(placebos, dict) and placebos["no rate"] == {"no_difference": True, "greatest_share": 0.0}
    assert "<svg" in (out / PAGE).read_text(encoding="utf-8")


def test_how_far_it_is_is_told_without_running_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recipe(tmp_path)
    recipe, out = load_evidence(path), tmp_path / "out"

    def shown() -> dict[str, object]:
        given = ["evidence", str(path), "--out", str(out), "--status", "--json"]
        assert run_command(lambda: app(given, standalone_mode=False)) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    assert shown() == {"done": 0, "at_work": 0, "total": 8, "left_seconds": None}
    first, second, *_ = jobs_of(recipe)
    for job in (first, second):
        (out / "arms" / job.name).mkdir(parents=True)
    write_json(out / "arms" / first.name / RESULT, {})
    write_json(out / "arms" / first.name / TIMES, {"seconds": 3.0})
    with FileLock(out / "arms" / second.name / "lock"):
        holder = subprocess.run(
            [sys.executable, "-m", "hanhua.cli.main", "evidence", str(path), "--out", str(out), "--status", "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert json.loads(holder.stdout) == {"done": 1, "at_work": 1, "total": 8, "left_seconds": 21.0}
    assert how_far(recipe, out).at_work == 0
    assert not (out / FILE).exists()


def test_a_wrong_recipe_ends_the_command_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("name: x\nhypothesis: y\nreference: nobody\narms: {}\n", encoding="utf-8")
    assert run_command(lambda: app(["evidence", str(path), "--out", str(tmp_path / "out")], standalone_mode=False)) == 2
    assert "wrong.yaml:" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_base_made_from_nothing_has_no_token_of_two_characters(tmp_path: Path) -> None:
    texts = ["我们走进旧书店，看见老人在写信。The old man writes a letter.", "月亮照着山路，我们慢慢走。"] * 3
    write_character_tokenizer(ScratchSettings(characters=10, other_tokens=20), texts, tmp_path)
    tokenizer, file = load_tokenizer(tmp_path), read_bpe_file(tmp_path)
    for text in texts:
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text
    whole = [data.decode(errors="ignore") for data in file.bytes_of.values()]
    assert max(sum(map(is_han, token)) for token in whole) == 1
    assert sum(map(is_han, "".join(whole))) == 10
    assert len(tokenizer.encode("我", add_special_tokens=False).ids) == 1
