"""What job scripts for Slurm are made of: command lines for any folder, time limits, the frame around a job."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SLACK = 1.5
"""Factor over the estimate: a job that ends early costs nothing, one that is killed must queue again."""


@dataclass(frozen=True)
class CommandLine:
    """The recipe as `plan` was given it, for the command lines of the jobs."""

    recipe: str
    overrides: tuple[str, ...]
    runs: Path

    def words(self, *command: str) -> list[str]:
        """Return a command with the recipe, from whatever folder a job starts in."""
        named = str(Path(self.recipe).resolve()) if Path(self.recipe).is_file() else self.recipe
        changes = [word for override in self.overrides for word in ("-s", override)]
        return [*command, named, "--runs", str(self.runs.resolve()), *changes]

    def text(self, *command: str) -> str:
        """Return the same, quoted for a shell."""
        return shlex.join(self.words(*command))


def time_limit(hours: float | None) -> str:
    """Return a time limit: one and a half times the estimate, in whole hours; a day if there is no estimate.

    >>> time_limit(34.9), time_limit(None)
    ('2-05:00:00', '1-00:00:00')
    """
    whole = 24 if hours is None else max(1, math.ceil(hours * SLACK))
    days, rest = divmod(whole, 24)
    return f"{days}-{rest:02d}:00:00"


def job_script(head: Sequence[str], body: Sequence[str]) -> str:
    """Return a script of bash. head: lines for sbatch; body: commands, the first of which that fails ends the job."""
    note = "# Add what your cluster asks for: #SBATCH --partition=…, --account=…, and how Hanhua is made available:"
    setup = [note, "# module load …; source …/bin/activate", "set -euo pipefail", ""]
    return "\n".join(["#!/bin/bash", *head, *setup, *body]) + "\n"
