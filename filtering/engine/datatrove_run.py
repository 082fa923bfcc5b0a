"""The filter run by datatrove's executors (local, Slurm, Ray), for corpora too large for one machine.

    from hanhua.documents.sources import CorpusConfig
    from hanhua.filtering import FilteringConfig
    from hanhua.filtering.engine.datatrove_run import build_executor

    corpora = {"zh": CorpusConfig(path="texts/*.jsonl.zst")}
    build_executor(FilteringConfig(), corpora, "out", kind="slurm", tasks=200, options={"time": "4:00:00", …}).run()

Each rank reads, judges and writes its own files. Copies are looked for over all of them, which is a second step, on one
machine and without judging again: `second_step` has its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from hanhua.documents.sources import CorpusConfig
from hanhua.errors import UsageError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.engine.checkpoint import key_of
from hanhua.filtering.engine.datatrove_steps import RecordReader, RuleFilter, VerdictWriter, flat_row
from hanhua.filtering.engine.verdicts import verdict_folder

Kind = Literal["local", "slurm", "ray"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FILES = "${corpus}/${rank}.jsonl"


def datatrove_pipeline(config: FilteringConfig, corpora: Mapping[str, CorpusConfig], folder: str) -> list[Any]:
    """Return datatrove's steps that read the corpora, judge them and write `folder/kept` and `folder/rejected`.

    A rejected document carries its reason as `filter_reason`; it is written as it was judged, nothing masked.
    """
    from datatrove.pipeline.writers import JsonlWriter

    rejected = JsonlWriter(f"{folder}/rejected", output_filename=_FILES, adapter=flat_row)
    return [
        RecordReader(corpora),
        RuleFilter(config, exclusion_writer=rejected),
        JsonlWriter(f"{folder}/kept", output_filename=_FILES, adapter=flat_row),
    ]


def build_executor(
    config: FilteringConfig,
    corpora: Mapping[str, CorpusConfig],
    out: str,
    *,
    kind: Kind = "local",
    tasks: int = 1,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Return a datatrove executor that reads, judges and writes into `run_folder(…)`; call its `run()`.

    options: of the executor (workers; time, partition … of Slurm). Raises UsageError for options that it does not take.
    """
    folder = run_folder(config, corpora, out, tasks=tasks)
    steps = datatrove_pipeline(config, corpora, folder)
    given = {"pipeline": steps, "tasks": tasks, "logging_dir": f"{folder}/logs", **(options or {})}
    try:
        return _executor(kind)(**given)
    except TypeError as error:
        raise UsageError(f"datatrove's {kind} executor: {error}") from None


def verdict_executor(
    config: FilteringConfig, corpora: Mapping[str, CorpusConfig], out: Path, *, task: int, tasks: int, workers: int
) -> Any:
    """Return the executor of one task of several, which judges its share of the corpora; call its `run()`.

    out: the folder in which the filtering stage will then make its corpus, from these verdicts. Started once a
    machine, by Slurm's array or by hand; a task that is done is not done again.
    """
    from datatrove.executor.local import LocalPipelineExecutor

    folder = verdict_folder(out, config, corpora)
    steps = [RecordReader(corpora), VerdictWriter(config, folder, workers=workers)]
    # Its own processes are the step's; whether a task is done is told by its file, not by a marker next to it.
    here = {"tasks": tasks, "local_tasks": 1, "local_rank_offset": task, "workers": 1, "skip_completed": False}
    return LocalPipelineExecutor(pipeline=steps, logging_dir=str(out / "logs" / f"task-{task:05d}"), **here)


def run_folder(config: FilteringConfig, corpora: Mapping[str, CorpusConfig], out: str, *, tasks: int) -> str:
    """Return `out/KEY`: KEY is of the settings that affect the output, the files and the number of tasks.

    Datatrove skips what its markers call done, whatever the settings were; so other settings get another folder.
    """
    sources = {name: corpus.sources() for name, corpus in corpora.items()}
    return f"{out}/{key_of(config, corpora, sources)[:12]}-{tasks}"


def second_step(config: FilteringConfig) -> dict[str, Any]:
    """Return the settings of `hanhua filter run` over `kept`: copies and the split, nothing judged or masked again."""
    fields = {"duplicates": config.duplicates.model_dump(mode="json"), "heldout_ratio": config.heldout_ratio}
    return {"preset": "none", **fields}


def _executor(kind: Kind) -> Any:
    if kind == "slurm":
        from datatrove.executor.slurm import SlurmPipelineExecutor

        return SlurmPipelineExecutor
    if kind == "ray":
        from datatrove.executor.ray import RayPipelineExecutor

        return RayPipelineExecutor
    from datatrove.executor.local import LocalPipelineExecutor

    return LocalPipelineExecutor
