"""The job that asks a teacher in shares, each task on accelerators of its own, with a teacher of its own.

A teacher elsewhere, at a provider or served in the cluster, is asked by one process as fast as it answers: more of them
would divide its answers and the ceiling, and make none of it faster.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from hanhua.pipeline.planning.job_script import CommandLine, job_script, time_limit
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.synthesis.settings import TeacherSettings

HERE = ("localhost", "::1", "0.0.0.0")
MAX_TASKS = 64
PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
"""Options of vLLM's engine whose product is the number of its accelerators."""


def has_own_teacher(recipe: Recipe) -> bool:
    """Return whether the teacher is in the process that asks, or served on its machine."""
    if recipe.synthesis is None:
        return False
    teacher = recipe.synthesis.teacher
    host = urlsplit(teacher.base_url).hostname or ""
    return teacher.engine == "vllm" or (teacher.base_url_env is None and (host in HERE or host.startswith("127.")))


def asking_job(recipe: Recipe, line: CommandLine, *, hours: float | None, cores: int) -> str:
    """Return the array that asks. hours: of one teacher alone, None where no pilot has measured it."""
    assert recipe.synthesis is not None
    teacher = recipe.synthesis.teacher
    devices = _devices(teacher.vllm)
    tasks = min(max(recipe.hardware.machine().devices // devices, 1), MAX_TASKS)
    head = [
        f"#SBATCH --job-name={recipe.name}-ask",
        f"#SBATCH --array=0-{tasks - 1}",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks=1",
        f"#SBATCH --gpus-per-node={devices}",
        f"#SBATCH --cpus-per-task={cores}",
        f"#SBATCH --time={time_limit(None if hours is None else hours / tasks)}",
        "#SBATCH --requeue",
        "#SBATCH --output=%x-%a-%j.log",
    ]
    told = [
        f"# Asks the teacher in {tasks} shares, each a datatrove executor with accelerators of its own.",
        "# If a task is killed, submit it again: it asks what it has no answer to.",
    ]
    share = f'--task "$SLURM_ARRAY_TASK_ID" --tasks {tasks}'
    ask = line.text("hanhua", "synthesize")
    if teacher.engine == "vllm":
        return job_script(head, [*told, f"{ask} {share}"])
    address = '-s "synthesis.teacher.base_url=http://127.0.0.1:$port/v1"'
    return job_script(head, [*told, *_served(teacher), f"{ask} {address} {share}"])


def _served(teacher: TeacherSettings) -> list[str]:
    """Return what starts a server of the task's own, waits for it, and ends it with the task."""
    serve = ["vllm", "serve", teacher.model, *(["--revision", teacher.revision] if teacher.revision else [])]
    return [
        "# The teacher's server. For another than vLLM change its line; it must know the model by the recipe's name.",
        "port=$((40000 + SLURM_JOB_ID % 20000))      # two tasks may share the machine",
        f'{shlex.join(serve)} --port "$port" > "teacher-$SLURM_JOB_ID.log" 2>&1 &',
        "server=$!",
        "trap 'kill \"$server\" 2> /dev/null || true' EXIT",
        'until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do',
        '    kill -0 "$server" 2> /dev/null || { tail "teacher-$SLURM_JOB_ID.log" >&2; exit 1; }',
        "    sleep 5",
        "done",
    ]


def _devices(options: Mapping[str, Any]) -> int:
    return math.prod(int(options.get(name, 1)) for name in PARALLEL)
