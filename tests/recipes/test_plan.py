"""The shipped recipes as people meet them: valid, planned in a moment, and reckoned for their hardware."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from mini_run import command

from hanhua.recipes.estimate import estimate_recipe
from hanhua.recipes.load import load_recipe, shipped_recipes
from hanhua.recipes.slurm import write_job_scripts

EXPECTED = {
    "eval-only", "filter-only", "llama-3-70b-zh-fsdp", "llama-3-8b-zh", "llama-3-8b-zh-24gb", "llama-3-8b-zh-fsdp",
    "llama-3-8b-zh-no-extension", "llama-3-8b-zh-tw", "llama-3.1-405b-zh", "llama-3.1-8b-zh", "llama-3.2-1b-zh",
    "quickstart", "vocab-only",
}  # fmt: skip


def test_every_recipe_that_is_promised_is_there() -> None:
    assert set(shipped_recipes()) >= EXPECTED


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_a_shipped_recipe_is_valid_teaches_and_says_what_it_takes(name: str, tmp_path: Path) -> None:
    path = shipped_recipes()[name]
    loaded = load_recipe(path)
    text = path.read_text(encoding="utf-8")
    head = text[: text.index("\nname:")]
    assert head.startswith("# ") and head.count("\n#") >= 3, "its first comment says what it is, the next ones more"
    for corpus, config in loaded.recipe.corpora.items():
        assert config.license or "No licence" in text, f"{corpus}: licence neither stated nor said to be missing"
    found = estimate_recipe(loaded.recipe)
    assert found.fits, found.training
    if loaded.recipe.continued_pretrain is not None:
        assert found.training is not None and found.training.hours > 0
    began = time.monotonic()
    done = subprocess.run(command("plan", name, "--json"), capture_output=True, text=True, cwd=tmp_path)
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stages"]
    assert seconds < 10, "two seconds on an idle machine; the limit here leaves room for a busy one"


def test_a_plan_counts_what_it_knows_and_names_what_it_does_not(tmp_path: Path) -> None:
    plan = ["plan", "llama-3-8b-zh", "-s", "hardware.price_per_device_hour=2"]
    text = subprocess.run(command(*plan), capture_output=True, text=True, cwd=tmp_path).stdout
    assert "size unknown: zh_wiki" in text and "trains on 1,000,000,000 tokens" in text
    whole = json.loads(subprocess.run(command(*plan, "--json"), capture_output=True, text=True, cwd=tmp_path).stdout)
    training = whole["estimate"]["training"]
    assert training["dollars"] == pytest.approx(2 * training["hours"])
    assert 10 < training["hours"] < 60 and 20e9 < training["memory_bytes"] < 80e9


def test_what_cannot_fit_is_refused_with_what_would(tmp_path: Path) -> None:
    tight = ("-s", "hardware.devices=24GB")
    done = subprocess.run(command("plan", "llama-3-8b-zh", *tight), capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and "any of these would fit" in done.stderr and "80GB" in done.stderr
    assert "continued_pretrain" in done.stdout, "the plan is shown all the same"


@pytest.mark.parametrize(
    ("name", "changes", "nodes", "gpus"),
    [
        ("llama-3-8b-zh", [], 1, 1),
        ("llama-3-8b-zh-fsdp", [], 1, 8),
        ("llama-3-70b-zh-fsdp", [], 2, 8),
        ("llama-3-8b-zh-no-extension", ["hardware.devices=16x80GB"], 2, 8),
    ],
)
def test_job_scripts_are_bash_and_ask_for_the_hardware(
    name: str, changes: list[str], nodes: int, gpus: int, tmp_path: Path
) -> None:
    loaded = load_recipe(shipped_recipes()[name], changes)
    found = estimate_recipe(loaded.recipe)
    paths = write_job_scripts(
        loaded, found, into=tmp_path / "jobs", recipe=name, overrides=changes, runs=tmp_path / "my runs"
    )
    assert [path.name for path in paths] == ["1-texts.sbatch", "2-train.sbatch", "submit.sh"]
    for path in paths:
        assert subprocess.run(["bash", "-n", str(path)], capture_output=True).returncode == 0, path
    texts, training, submit = (path.read_text(encoding="utf-8") for path in paths)
    assert "gpus" not in texts and f"--until {'filtering' if 'no-extension' in name else 'initialise'}" in texts
    assert f"#SBATCH --nodes={nodes}\n" in training and f"#SBATCH --gpus-per-node={gpus}\n" in training
    assert ("accelerate launch" in training) == (nodes > 1) and "--signal=TERM" in training
    assert "--dependency=afterok" in submit


def test_a_job_script_runs_what_it_says(tmp_path: Path) -> None:
    """The scripts as Slurm would run them, with stand-ins that record what is called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    record = '#!/bin/bash\nprintf "%s|" "$(basename "$0")" "$@" >> "$RECORD"; echo >> "$RECORD"\n'
    bodies = {
        "hanhua": record, "accelerate": record, "srun": '#!/bin/bash\nexec "$@"\n',
        "scontrol": "#!/bin/bash\necho node-1\necho node-2\n",
    }  # fmt: skip
    for program, body in bodies.items():
        (programs / program).write_text(body)
        (programs / program).chmod(0o755)
    loaded = load_recipe(shipped_recipes()["llama-3-70b-zh-fsdp"])
    runs = tmp_path / "runs"
    scripts = write_job_scripts(
        loaded,
        estimate_recipe(loaded.recipe),
        into=tmp_path / "jobs",
        recipe="llama-3-70b-zh-fsdp",
        overrides=[],
        runs=runs,
    )
    run = runs / "Llama-3-70B-zh"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"artifacts": {"initialise": "aa11", "filtering": "bb22"}}')
    env = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "RECORD": str(tmp_path / "record"),
        "SLURM_JOB_NODELIST": "x",
        "SLURM_PROCID": "1",
    }
    for script in scripts[:2]:
        done = subprocess.run(["bash", str(script)], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
    called = (tmp_path / "record").read_text().splitlines()
    assert called[0].startswith("hanhua|run|llama-3-70b-zh-fsdp|") and called[0].endswith("|--until|initialise|")
    launch = called[-1].split("|")
    assert (
        launch[launch.index("--main_process_ip") + 1] == "node-1" and launch[launch.index("--machine_rank") + 1] == "1"
    )
    assert launch[launch.index("--model") + 1] == str(run / "initialise" / "aa11")
    assert launch[launch.index("--corpus") + 1] == str(run / "filtering" / "bb22")
    assert "weights.zh_edu=0.4" in launch and "weights.code_replay=0.05" in launch
