"""Job scripts as Slurm would run them: asked of `plan`, valid bash, and run to the end on this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from loopback_teacher import Teacher, served_teacher
from mini_run import DATA, STAGES, write_recipe
from note_form import note, write_forms
from program import command, hanhua

from hanhua.artifacts.files import read_json
from hanhua.pipeline.planning.estimate import estimate_recipe
from hanhua.pipeline.planning.slurm import write_job_scripts
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes

ASKING = """\
name: asked
corpora: {{zh: {{path: "{data}/zh_hans_a.jsonl", license: Apache-2.0, max_documents: 12}}}}
filtering: {{preset: none, heldout_ratio: 0.1}}
hardware: {{devices: 2x24GB, cores: 1}}
synthesis:
  teacher: {{model: loopback, license: MIT, base_url: "http://127.0.0.1:1/v1"}}
  forms: [note, memo]
  form_folder: {forms}
  seeds: {{min_characters: 50, max_characters: 250}}
"""
SLURM = {
    "sbatch": """\
script="${!#}"
value() { sed -n "s/^#SBATCH --$1=//p" "$script"; }
export SLURM_JOB_ID=$$ SLURM_JOB_NODELIST=both SLURM_CPUS_PER_TASK=1 NODES=$(value nodes)
echo "$(basename "$script") $*" >> "$RECORD"
array=$(value array)
for task in $(seq 0 "$((${array#0-} + 0))"); do
    SLURM_ARRAY_TASK_ID=$task bash "$script" >> "$RECORD.log" 2>&1 || exit 1
done
echo "$SLURM_JOB_ID"
""",
    "srun": """\
for ((rank = 0; rank < NODES; rank++)); do SLURM_PROCID=$rank "$@" & launched+=($!); done
for one in "${launched[@]}"; do wait "$one" || exit 1; done
""",
    "scontrol": "echo 127.0.0.1\n",
}
"""Slurm for one machine: a job runs when it is submitted, and fails what depends on it by failing."""


def scripts_of(name: str, changes: list[str], folder: Path) -> dict[str, str]:
    loaded = load_recipe(shipped_recipes()[name], changes)
    found = estimate_recipe(loaded.recipe)
    paths = write_job_scripts(
        loaded, found, into=folder / "jobs", recipe=name, overrides=changes, runs=folder / "my runs"
    )
    for path in paths:
        assert subprocess.run(["bash", "-n", str(path)], capture_output=True).returncode == 0, path
    return {path.name.removesuffix(".sbatch").partition("-")[2] or path.name: path.read_text("utf-8") for path in paths}


SYNTHETIC = "llama-3-8b-zh-synthetic"


@pytest.mark.parametrize(
    ("changes", "tasks", "gpus", "line"),
    [
        (["hardware.devices=8xH100"], 8, 1, "vllm serve Qwen/Qwen3-4B-Instruct-2507 --port"),
        (["hardware.devices=8xH100", "synthesis.teacher.vllm={tensor_parallel_size: 2}"], 4, 2, "vllm serve"),
        (["synthesis.teacher.engine=vllm"], 1, 1, "hanhua synthesize"),
    ],
)
def test_a_teacher_on_our_own_accelerators_is_asked_in_shares(
    changes: list[str], tasks: int, gpus: int, line: str, tmp_path: Path
) -> None:
    scripts = scripts_of(SYNTHETIC, changes, tmp_path)
    assert list(scripts) == ["judge", "filter", "ask", "texts", "train", "submit.sh"]
    assert "--until filtering" in scripts["filter"] and "--until resize" in scripts["texts"]
    ask = scripts["ask"]
    assert f"#SBATCH --array=0-{tasks - 1}\n" in ask and f"#SBATCH --gpus-per-node={gpus}\n" in ask
    assert line in ask and f'--task "$SLURM_ARRAY_TASK_ID" --tasks {tasks}\n' in ask
    assert ("base_url=http://127.0.0.1:$port/v1" in ask) == (line != "hanhua synthesize")
    assert "SBATCH --gpus" not in scripts["texts"] + scripts["filter"]
    assert scripts["submit.sh"].count("--dependency=afterok") == 4


@pytest.mark.parametrize(
    "change", ["synthesis.teacher.base_url=https://api.example/v1", "synthesis.teacher.base_url_env=TEACHER"]
)
def test_a_teacher_elsewhere_is_asked_by_one_job_that_says_what_it_needs(change: str, tmp_path: Path) -> None:
    scripts = scripts_of(SYNTHETIC, [change, "synthesis.teacher.api_key_env=KEY"], tmp_path)
    assert list(scripts) == ["judge", "texts", "train", "submit.sh"]
    needed = "$TEACHER and $KEY" if change.endswith("TEACHER") else "$KEY"
    assert f"must reach the endpoint, and {needed} must be exported" in scripts["texts"]
    assert "#SBATCH --time=1-00:00:00\n" in scripts["texts"], "without a pilot nobody knows how long it takes"


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
    scripts = scripts_of(name, changes, tmp_path)
    several = nodes > 1
    assert list(scripts) == ["judge", "texts", "train", *(["rest"] if several else []), "submit.sh"]
    for job in ("judge", "texts"):
        assert "SBATCH --gpus" not in scripts[job] and "#SBATCH --cpus-per-task=" in scripts[job]
    assert "#SBATCH --array=0-5\n" in scripts["judge"], "each data set of the Hub is a task"
    assert f"--until {'filtering' if 'no-extension' in name else 'resize'}" in scripts["texts"]
    training = scripts["train"]
    assert f"#SBATCH --nodes={nodes}\n" in training and f"#SBATCH --gpus-per-node={gpus}\n" in training
    assert ("accelerate launch" in training) == several and "--signal=TERM" in training
    assert scripts["submit.sh"].count("--dependency=afterok") == len(scripts) - 2


def test_a_cpu_has_no_job_scripts(tmp_path: Path) -> None:
    line = command("plan", "toy", "-s", "hardware.devices=cpu", "--slurm", tmp_path / "jobs")
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and "name the accelerators" in done.stderr and not (tmp_path / "jobs").exists()


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with Slurm's commands."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program, body in SLURM.items():
        (programs / program).write_text("#!/bin/bash\n" + body)
        (programs / program).chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "RECORD": str(tmp_path / "record")}


@pytest.mark.slow
def test_shares_with_servers_of_their_own_make_what_one_process_makes(tmp_path: Path, slurm: dict[str, str]) -> None:
    """`submit.sh` as it is written, with a server on loopback in place of vLLM in each task."""
    pytest.importorskip("datatrove")
    serve = tmp_path / "bin" / "vllm"
    path = shlex.quote(os.pathsep.join(sys.path))
    serve.write_text(f'#!/bin/bash\nPYTHONPATH={path} exec {sys.executable} -m loopback_vllm "$@"\n')
    serve.chmod(0o755)
    recipe, runs = tmp_path / "r.yaml", tmp_path / "runs"
    recipe.write_text(ASKING.format(data=DATA, forms=write_forms(tmp_path / "forms")), encoding="utf-8")
    line = command("plan", recipe, "--runs", runs, "--slurm", tmp_path / "jobs")
    made = subprocess.run(line, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    done = subprocess.run(["bash", str(tmp_path / "jobs" / "submit.sh")], capture_output=True, text=True, env=slurm)
    log = (tmp_path / "record.log").read_text(encoding="utf-8")
    assert done.returncode == 0, log[-4000:]
    jobs = [line.split()[0] for line in (tmp_path / "record").read_text().splitlines()]
    assert jobs == ["1-filter.sbatch", "2-ask.sbatch", "3-texts.sbatch"]
    assert "answers of other machines taken into" in log
    with served_teacher(Teacher(write=note)) as url:
        alone = hanhua("synthesize", recipe, "--runs", tmp_path / "alone", "-s", f"synthesis.teacher.base_url={url}")
    by_shares = content_hashes(runs / "asked")["synthesis"]
    assert read_json(Path(alone["out"]) / "manifest.json")["content_hash"] == by_shares
    assert not list((runs / "asked" / "synthesis").glob("share-*.jsonl")), "all shares are taken in"


@pytest.mark.slow
def test_two_machines_make_what_one_makes(tmp_path: Path, slurm: dict[str, str]) -> None:
    """`submit.sh` as it is written: judged in datatrove, trained by two launchers, finished by one run."""
    recipe = write_recipe(tmp_path, tokens=4096)
    changes = ["-s", "hardware.devices=16x80GB", "-s", f"corpora.zh.path={DATA}/zh_hans_*.jsonl"]
    made = subprocess.run(
        command("plan", recipe, "--runs", tmp_path / "runs", *changes, "--slurm", tmp_path / "jobs"),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    training = tmp_path / "jobs" / "3-train.sbatch"
    text = training.read_text(encoding="utf-8")
    assert "--num_machines 2 --num_processes 16 " in text
    # This machine has no sixteen GPUs; a process on each of the two machines is what can be tried here.
    training.write_text(text.replace("--num_processes 16 ", "--num_processes 2 "), encoding="utf-8")
    done = subprocess.run(["bash", str(tmp_path / "jobs" / "submit.sh")], capture_output=True, text=True, env=slurm)
    log = (tmp_path / "record.log").read_text(encoding="utf-8")
    assert done.returncode == 0, log[-4000:]
    jobs = (tmp_path / "record").read_text().splitlines()
    assert [line.split()[0] for line in jobs] == ["1-judge.sbatch", "2-texts.sbatch", "3-train.sbatch", "4-rest.sbatch"]
    assert "all texts have been judged" in log and "continued_pretrain: process 1 of 2" in log
    assert "continued_pretrain: already done" in log, "the last job finds the model that the launchers trained"

    run = tmp_path / "runs" / "Llama-3-mini"
    by_slurm = content_hashes(run)
    assert list(by_slurm) == STAGES
    facts = next((run / "continued_pretrain").glob("*/manifest.json"))
    assert read_json(facts)["facts"]["processes"] == 2
    alone = hanhua("run", recipe, "--runs", tmp_path / "alone", *changes, "-s", "continued_pretrain.processes=2")
    trained = STAGES.index("continued_pretrain") + 1
    assert dict(list(alone["artifacts"].items())[:trained]) == dict(list(by_slurm.items())[:trained])
    assert hanhua("run", recipe, "--runs", tmp_path / "runs", *changes)["made"] == []


def content_hashes(run: Path) -> dict[str, str]:
    folders: dict[str, str] = read_json(run / "run.json")["artifacts"]
    return {stage: read_json(run / stage / name / "manifest.json")["content_hash"] for stage, name in folders.items()}


def test_several_processes_do_not_filter(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    env: dict[str, Any] = {**os.environ, "WORLD_SIZE": "2", "RANK": "0"}
    for rank in ("0", "1"):
        line = command("run", recipe, "--runs", tmp_path / "runs")
        done = subprocess.run(line, capture_output=True, text=True, env={**env, "RANK": rank})
        assert done.returncode == 2 and "several processes can only train together" in done.stderr, done.stderr
