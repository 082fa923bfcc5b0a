"""Job scripts for Slurm from a recipe: the texts on processors, training on accelerators, and what submits them.

Filtering and learning hold no accelerator, so they are jobs of their own: judging, an array of datatrove's executors;
then copies, the split, the tokenizer and the new rows. A teacher on the machine's own accelerators is asked between
the split and the tokenizer, in an array as well. One machine trains by `hanhua run`, which starts its processes
itself; several by `accelerate launch` on each. All jobs work on one run, and each continues from what is finished.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from hanhua.artifacts.files import write_durably
from hanhua.continued_pretrain.hardware import DEVICES_PER_NODE
from hanhua.errors import UsageError
from hanhua.pipeline.distributed import tasks_for
from hanhua.pipeline.jobs import jobs
from hanhua.pipeline.planning.asking_job import asking_job, has_own_teacher
from hanhua.pipeline.planning.estimate import RecipeEstimate
from hanhua.pipeline.planning.job_script import CommandLine, job_script, time_limit
from hanhua.pipeline.recipe.load import LoadedRecipe
from hanhua.pipeline.stages import comes_before, stage_names

JOBS = ("judge", "filter", "ask", "texts", "train", "rest")
MAX_TASKS = 64
"""Of one array; a task takes every 64th file then."""
WARNING_SECONDS = 300
"""SIGTERM comes this long before the limit: time for a checkpoint, from which the next submission resumes."""


def write_job_scripts(
    loaded: LoadedRecipe,
    found: RecipeEstimate,
    *,
    into: Path,
    recipe: str,
    overrides: Sequence[str],
    runs: Path,
) -> list[Path]:
    """Write the jobs, numbered in their order, and `submit.sh`; return their paths.

    judge (where texts can be shared out), filter and ask (where the teacher is the job's own), texts, train (where
    there is training), rest (where that is on several machines). Raises UsageError for a recipe that names no GPU.
    """
    hardware = loaded.recipe.hardware.machine()
    if hardware.kind == "cpu":
        raise UsageError("--slurm: hardware.devices is a cpu; name the accelerators, such as 8xH100")
    into.mkdir(parents=True, exist_ok=True)
    stages = [job.stage for job in jobs(loaded.recipe)]
    before = [stage for stage in stages if stage != "base" and comes_before(stage, "continued_pretrain")]
    line = CommandLine(recipe, tuple(overrides), runs)
    bodies = _asking_jobs(loaded, found, line) if has_own_teacher(loaded.recipe) else {}
    bodies["texts"] = _texts_job(loaded, found, line, before[-1])
    tasks = min(tasks_for(loaded), MAX_TASKS)
    if tasks > 1:
        bodies = {"judge": _judging_job(loaded, found, line, tasks), **bodies}
    if "continued_pretrain" in stages:
        bodies["train"] = _training_job(loaded, found, line)
        if hardware.nodes > 1:
            bodies["rest"] = _last_job(loaded, line, min(hardware.devices, DEVICES_PER_NODE))
    scripts = {f"{number}-{name}.sbatch": body for number, (name, body) in enumerate(bodies.items(), 1)}
    scripts["submit.sh"] = _submit(list(scripts))
    for old in (old for name in JOBS for old in into.glob(f"[1-{len(JOBS)}]-{name}.sbatch")):
        old.unlink()
    for name, text in scripts.items():
        write_durably(into / name, text)
    (into / "submit.sh").chmod(0o755)
    return [into / name for name in scripts]


def _judging_job(loaded: LoadedRecipe, found: RecipeEstimate, line: CommandLine, tasks: int) -> str:
    hours = found.stages["filtering"].hours
    head = [
        f"#SBATCH --job-name={loaded.recipe.name}-judge",
        f"#SBATCH --array=0-{tasks - 1}",
        *_processors(loaded),
        f"#SBATCH --time={time_limit(hours)}",
        "#SBATCH --requeue",
        "#SBATCH --output=%x-%a-%j.log",
    ]
    judge = line.text("hanhua", "filter", "judge")
    return job_script(
        head,
        [
            f"# Judges the texts in {tasks} tasks, each a datatrove executor; one that is done is not done again.",
            f'{judge} --task "$SLURM_ARRAY_TASK_ID" --tasks {tasks} --workers "${{SLURM_CPUS_PER_TASK:-1}}"',
        ],
    )


def _asking_jobs(loaded: LoadedRecipe, found: RecipeEstimate, line: CommandLine) -> dict[str, str]:
    """Return what filters and what asks, where a teacher needs accelerators and the rest of the texts does not."""
    hours, cores = found.stages["synthesis"].hours, loaded.recipe.hardware.cores
    return {
        "filter": _texts_job(loaded, found, line, "filtering", name="filter"),
        "ask": asking_job(loaded.recipe, line, hours=hours, cores=cores),
    }


def _texts_job(
    loaded: LoadedRecipe, found: RecipeEstimate, line: CommandLine, last: str, *, name: str = "texts"
) -> str:
    stages = [stage for stage in stage_names() if not comes_before(last, stage)]
    hours = found.total("hours", stages)
    if "synthesis" in stages and "synthesis" in found.stages and found.stages["synthesis"].hours is None:
        hours = None  # no pilot has measured how long judging takes, or asking a teacher that is elsewhere
    head = [
        f"#SBATCH --job-name={loaded.recipe.name}-{name}",
        *_processors(loaded),
        f"#SBATCH --time={time_limit(hours)}",
        "#SBATCH --output=%x-%j.log",
    ]
    comment = f"# Everything before training, up to and with `{last}`; no accelerator is held."
    if last != "filtering" and loaded.recipe.synthesis is not None:
        comment += "\n# " + _asked(loaded)
    return job_script(head, [comment, f"{line.text('hanhua', 'run')} --until {last}"])


def _asked(loaded: LoadedRecipe) -> str:
    """Return what this job does about the teacher, and what it needs for it."""
    assert loaded.recipe.synthesis is not None
    teacher = loaded.recipe.synthesis.teacher
    if has_own_teacher(loaded.recipe):
        return "What the shares have answered is taken in and judged; nobody is asked."
    names = " and ".join(f"${name}" for name in (teacher.base_url_env, teacher.api_key_env) if name is not None)
    return "It asks the teacher: its machine must reach the endpoint" + (
        f", and {names} must be exported." if names else "."
    )


def _processors(loaded: LoadedRecipe) -> list[str]:
    return ["#SBATCH --nodes=1", "#SBATCH --ntasks=1", f"#SBATCH --cpus-per-task={loaded.recipe.hardware.cores}"]


def _training_job(loaded: LoadedRecipe, found: RecipeEstimate, line: CommandLine) -> str:
    hardware = loaded.recipe.hardware.machine()
    per_node = min(hardware.devices, DEVICES_PER_NODE)
    head = [
        f"#SBATCH --job-name={loaded.recipe.name}-train",
        f"#SBATCH --nodes={hardware.nodes}",
        "#SBATCH --ntasks-per-node=1",
        f"#SBATCH --gpus-per-node={per_node}",
        f"#SBATCH --cpus-per-task={loaded.recipe.hardware.cores}",
        f"#SBATCH --time={time_limit(found.stages['continued_pretrain'].hours)}",
        f"#SBATCH --signal=TERM@{WARNING_SECONDS}",
        "#SBATCH --requeue",
        "#SBATCH --open-mode=append",
        "#SBATCH --output=%x-%j.log",
    ]
    if hardware.nodes == 1:
        comment = (
            "# Trains and runs the later stages. If it is killed, submit it again: it resumes from its last checkpoint."
        )
        return job_script(head, [comment, f"srun {line.text('hanhua', 'run')}"])
    return job_script(head, _several_machines(line, hardware.nodes, per_node))


def _several_machines(line: CommandLine, nodes: int, per_node: int) -> list[str]:
    run = shlex.join([*line.words("-m", "hanhua.cli.main", "run"), "--until", "continued_pretrain"])
    launch = (
        f"accelerate launch --multi_gpu --num_machines {nodes} --num_processes {nodes * per_node} "
        f'--machine_rank "$SLURM_PROCID" --main_process_ip "$head" --main_process_port "$port" {run}'
    )
    return [
        "# Several machines: one launcher on each, all training the one model of the run.",
        "# If it is killed, submit it again: it resumes from its last checkpoint.",
        'head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
        "port=$((20000 + SLURM_JOB_ID % 20000))      # two jobs may share the machine",
        "export head port",
        f"srun bash -c {shlex.quote(launch)}",
    ]


def _last_job(loaded: LoadedRecipe, line: CommandLine, per_node: int) -> str:
    head = [
        f"#SBATCH --job-name={loaded.recipe.name}-rest",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks=1",
        f"#SBATCH --gpus-per-node={per_node}",
        f"#SBATCH --cpus-per-task={loaded.recipe.hardware.cores}",
        f"#SBATCH --time={time_limit(None)}",
        "#SBATCH --output=%x-%j.log",
    ]
    return job_script(
        head, ["# What follows training, on one machine: it finds the model done.", line.text("hanhua", "run")]
    )


def _submit(names: list[str]) -> str:
    lines = [
        "#!/bin/bash",
        "# Submits the jobs in order; each waits for the one before it to end well.",
        "set -euo pipefail",
    ]
    lines += ['cd "$(dirname "$0")"', f"job=$(sbatch --parsable {names[0]})"]
    lines += [f'job=$(sbatch --parsable --dependency=afterok:"$job" {name})' for name in names[1:]]
    return "\n".join([*lines, 'echo "submitted; the last is job $job"']) + "\n"
