"""Asking as a step of a datatrove pipeline, so that its executors (local, Slurm, Ray) spread it over machines.

    from datatrove.executor.slurm import SlurmPipelineExecutor

    step = AskingStep(config, corpus, ledger=Path("runs/NAME/synthesis/ledger.jsonl"))
    SlurmPipelineExecutor(pipeline=[step], tasks=16, job_name="synthesis", time="8:00:00", partition="gpu", …).run()

Rank r of n asks every n-th request and keeps the answers in a ledger of its own beside the run's, which takes them in
when the stage is next run. The ceiling is divided among the ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hanhua.errors import MissingExtra
from hanhua.services import Services
from hanhua.synthesis.asking.run import ask_all
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.ledger.records import Cost
from hanhua.synthesis.ledger.shares import ended_in, share_path, shares_beside
from hanhua.synthesis.settings import AskingSettings, SynthesisConfig
from hanhua.synthesis.stage import make_job

try:
    from datatrove.pipeline.base import PipelineStep
except ImportError:
    raise MissingExtra("running on datatrove", "cluster") from None


class AskingStep(PipelineStep):  # type: ignore[misc]
    """Asks a rank's share of the requests about a Corpus. services: those that seeds are chosen by."""

    type = "💬 - ASKER"
    name = "hanhua synthesis"

    def __init__(
        self, config: SynthesisConfig, corpus: Path, *, ledger: Path, services: Services | None = None
    ) -> None:
        super().__init__()
        self.config, self.corpus, self.ledger = config, corpus, ledger
        self.services = services or Services()

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Ask what neither the run's ledger nor another share holds; nothing is passed on.

        Raises HanhuaError at this rank's part of the ceiling, or when the server is gone.
        """
        job = make_job(self.config, self.corpus, self.services)
        own = share_path(self.ledger, rank, world_size)
        known, _ = ended_in([self.ledger, *(path for path in shares_beside(self.ledger) if path != own)])
        _, spent = ended_in([self.ledger])
        with open_ledger(own) as opened:
            asked = ask_all(
                job.requests(share=rank, of=world_size),
                teacher=self.config.teacher,
                ledger=opened,
                settings=part_of_ceiling(self.config.asking, spent, tasks=world_size),
                total=len(range(rank, sum(job.counts().values()), world_size)),
                longest_tokens=job.longest_tokens,
                elsewhere=known,
                name=f"synthesis, task {rank} of {world_size}",
            )
        self.stat_update("answered", value=asked.answered)
        yield from ()


def part_of_ceiling(asking: AskingSettings, spent: Cost, *, tasks: int) -> AskingSettings:
    """Return the settings of one of `tasks` that ask at once: what the run has left below its ceiling, divided."""
    tokens, dollars = asking.max_tokens, asking.max_dollars
    return asking.model_copy(
        update={
            "max_tokens": None if tokens is None else max((tokens - spent.tokens) // tasks, 1),
            "max_dollars": None if dollars is None else max((dollars - spent.dollars) / tasks, 1e-9),
        }
    )


def asking_executor(
    config: SynthesisConfig, corpus: Path, *, ledger: Path, task: int, tasks: int, services: Services | None = None
) -> Any:
    """Return the executor of one task of several, started once a machine by Slurm's array or by hand; call its `run()`.

    What is answered is told by the ledgers, not by datatrove's markers: a task that is started again asks the rest.
    """
    from datatrove.executor.local import LocalPipelineExecutor

    step = AskingStep(config, corpus, ledger=ledger, services=services)
    here = {"tasks": tasks, "local_tasks": 1, "local_rank_offset": task, "workers": 1, "skip_completed": False}
    logs = ledger.parent / "logs" / f"task-{task:05d}"
    return LocalPipelineExecutor(pipeline=[step], logging_dir=str(logs), **here)
