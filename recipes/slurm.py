"""Job scripts for Slurm from a recipe: the texts on processors, training on accelerators, and what submits both.

Filtering and learning hold no accelerator, so they are a job of their own. One machine trains by `hanhua run`, which
starts its processes itself; several machines by `accelerate launch` on each, into a folder beside the run.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from hanhua.artifacts.files import write_durably
from hanhua.artifacts.kinds import STAGES, Stage
from hanhua.continued_pretrain.hardware import DEVICES_PER_NODE, find_hardware
from hanhua.errors import UsageError
from hanhua.recipes.estimate import RecipeEstimate
from hanhua.recipes.load import LoadedRecipe
from hanhua.recipes.wiring import jobs

SLACK = 1.5
"""Asked for over what was reckoned: a job that ends early costs nothing, one that is cut costs its queue again."""
WARNING_SECONDS = 300
"""SIGTERM comes so long before the limit: time for a checkpoint, from which the next submission goes on."""


def write_job_scripts(
    loaded: LoadedRecipe,
    found: RecipeEstimate,
    *,
    into: Path,
    recipe: str,
    overrides: Sequence[str],
    runs: Path,
) -> list[Path]:
    """Write `1-texts.sbatch`, `2-train.sbatch` (where there is training) and `submit.sh`; return their paths.

    Raises UsageError for a recipe that names no GPU.
    """
    if find_hardware(loaded.recipe.hardware.devices).kind == "cpu":
        raise UsageError("--slurm: hardware.devices is a cpu; name the accelerators, such as 8x80GB")
    into.mkdir(parents=True, exist_ok=True)
    stages = [job.stage for job in jobs(loaded.recipe)]
    before = [stage for stage in stages if stage != "base" and STAGES.index(stage) < STAGES.index("continued_pretrain")]
    last_text_stage = before[-1] if before else "filtering"
    run = _command(recipe, overrides, runs)
    scripts = {"1-texts.sbatch": _texts_job(loaded, found, run, last_text_stage)}
    if "continued_pretrain" in stages:
        scripts["2-train.sbatch"] = _training_job(loaded, found, run, recipe=recipe, runs=runs)
    scripts["submit.sh"] = _submit(list(scripts))
    for name, text in scripts.items():
        write_durably(into / name, text)
    (into / "submit.sh").chmod(0o755)
    return [into / name for name in scripts]


def _command(recipe: str, overrides: Sequence[str], runs: Path) -> str:
    path = Path(recipe)
    named = str(path.resolve()) if path.is_file() else recipe
    words = ["hanhua", "run", named, "--runs", str(runs.resolve())]
    for override in overrides:
        words += ["-s", override]
    return shlex.join(words)


def _texts_job(loaded: LoadedRecipe, found: RecipeEstimate, run: str, last: Stage) -> str:
    hours = found.total("hours", [stage for stage in STAGES if STAGES.index(stage) <= STAGES.index(last)])
    head = [
        f"#SBATCH --job-name={loaded.recipe.name}-texts",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks=1",
        f"#SBATCH --cpus-per-task={loaded.recipe.hardware.cores}",
        f"#SBATCH --time={_limit(hours)}",
        "#SBATCH --output=%x-%j.log",
    ]
    return _script(
        head,
        [f"# Everything before training; no accelerator is held. Up to and with `{last}`.", f"{run} --until {last}"],
    )


def _training_job(loaded: LoadedRecipe, found: RecipeEstimate, run: str, *, recipe: str, runs: Path) -> str:
    hardware = find_hardware(loaded.recipe.hardware.devices)
    per_node = min(hardware.devices, DEVICES_PER_NODE)
    hours = found.stages["continued_pretrain"].hours
    head = [
        f"#SBATCH --job-name={loaded.recipe.name}-train",
        f"#SBATCH --nodes={hardware.nodes}",
        "#SBATCH --ntasks-per-node=1",
        f"#SBATCH --gpus-per-node={per_node}",
        f"#SBATCH --cpus-per-task={loaded.recipe.hardware.cores}",
        f"#SBATCH --time={_limit(hours)}",
        f"#SBATCH --signal=TERM@{WARNING_SECONDS}",
        "#SBATCH --requeue",
        "#SBATCH --open-mode=append",
        "#SBATCH --output=%x-%j.log",
    ]
    if hardware.nodes == 1:
        comment = "# Trains, and does what follows. Cut off, submit it again: it goes on from its last checkpoint."
        return _script(head, [comment, f"srun {run}"])
    return _script(head, _several_machines(loaded, hardware.nodes, per_node, recipe=recipe, runs=runs))


def _several_machines(loaded: LoadedRecipe, nodes: int, per_node: int, *, recipe: str, runs: Path) -> list[str]:
    root = runs.resolve() / loaded.recipe.name
    model = "initialise" if loaded.recipe.vocab_extension is not None else "base"
    named = str(Path(recipe).resolve()) if Path(recipe).is_file() else recipe
    config = loaded.recipe.continued_pretrain
    assert config is not None
    # A recipe's mixture stands with its corpora, which `hanhua train` does not know.
    weights = config.weights or {name: corpus.weight for name, corpus in loaded.recipe.corpora.items()}
    mixture = " ".join(f"-s weights.{name}={weight:g}" for name, weight in weights.items())
    launch = (
        f"accelerate launch --multi_gpu --num_machines {nodes} --num_processes {nodes * per_node} "
        '--machine_rank "$SLURM_PROCID" --main_process_ip "$head" --main_process_port 29500 '
        '-m hanhua.cli.main train --model "$model" --corpus "$corpus" --out "$out" --config "$out.yaml" '
        f"{mixture}"
    )
    return [
        "# Several machines: one launcher on each, all training one model into a folder beside the run.",
        "# Cut off, submit it again: it goes on from its last checkpoint.",
        f"run={shlex.quote(str(root))}",
        "artifact() {",
        '    python3 - "$run/run.json" "$1" <<\'PY\'',
        "import json, sys",
        'print(json.load(open(sys.argv[1]))["artifacts"][sys.argv[2]])',
        "PY",
        "}",
        'head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
        f'model="$run/{model}/$(artifact {model})" corpus="$run/filtering/$(artifact filtering)" out="$run-adapted"',
        "export head model corpus out",
        f'hanhua recipes show {shlex.quote(named)} --resolved > "$out.yaml"',
        f"srun bash -c {shlex.quote(launch)}",
    ]


def _limit(hours: float | None) -> str:
    """Return a time limit: what was reckoned and half of it more, in whole hours; a day where nothing is known.

    >>> _limit(34.9), _limit(None)
    ('2-05:00:00', '1-00:00:00')
    """
    whole = 24 if hours is None else max(1, math.ceil(hours * SLACK))
    days, rest = divmod(whole, 24)
    return f"{days}-{rest:02d}:00:00"


def _script(head: list[str], body: list[str]) -> str:
    note = "# Add what your cluster asks for: #SBATCH --partition=…, --account=…, and how Hanhua is made available:"
    setup = [note, "# module load …; source …/bin/activate", "set -euo pipefail", ""]
    return "\n".join(["#!/bin/bash", *head, *setup, *body]) + "\n"


def _submit(names: list[str]) -> str:
    lines = [
        "#!/bin/bash",
        "# Submits the jobs in order; each waits for the one before it to end well.",
        "set -euo pipefail",
    ]
    lines += ['cd "$(dirname "$0")"', f"job=$(sbatch --parsable {names[0]})"]
    lines += [f'job=$(sbatch --parsable --dependency=afterok:"$job" {name})' for name in names[1:]]
    return "\n".join([*lines, 'echo "submitted; the last is job $job"']) + "\n"
