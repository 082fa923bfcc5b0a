"""One stage of a run that several machines work on: texts judged and a teacher asked in tasks, and training launched.

What they make is the run's own: `hanhua run` finds the verdicts, the answers, or the finished model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.manifest import MANIFEST, Artifact, open_artifact
from hanhua.artifacts.store import Store, begin
from hanhua.errors import UsageError
from hanhua.launched import process_count, rank
from hanhua.pipeline.jobs import StageJob, call, identify, jobs
from hanhua.pipeline.lock_file import LOCK, pinned, write_lock
from hanhua.pipeline.recipe.load import LoadedRecipe
from hanhua.pipeline.recipe.pins import Resolve, ask_hub
from hanhua.pipeline.stages import stage_names
from hanhua.progress import say

TRAINING = "continued_pretrain"


def tasks_for(loaded: LoadedRecipe) -> int:
    """Return into how many tasks a recipe's texts can be split: by whole files, and data sets of the Hub."""
    from hanhua.filtering.engine.intake import portions_of

    return len(portions_of(loaded.recipe.corpora))


def judge_texts(
    loaded: LoadedRecipe, *, runs: Path, task: int, tasks: int, workers: int | None = None, resolve: Resolve = ask_hub
) -> Path | None:
    """Judge one of `tasks` shares of a recipe's texts in a datatrove executor; return where the verdicts are.

    None: filtering is finished already. What the recipe takes from the Hub is pinned first, once for the whole run.
    """
    from hanhua.filtering.config import FilteringConfig
    from hanhua.filtering.engine.datatrove_run import verdict_executor
    from hanhua.filtering.engine.intake import input_bytes
    from hanhua.filtering.engine.verdicts import verdict_folder
    from hanhua.processes import choose_workers

    store = Store(runs / loaded.recipe.name)
    # All tasks begin at once: the first pins and hashes, the others find it done.
    with store.locked(wait=True):
        loaded, pins = pinned(loaded, store.root, resolve=resolve)
        if not (store.root / LOCK).is_file():
            write_lock(store.root, loaded, {}, pins=pins, hashes=store.hashes)
        job = jobs(loaded.recipe)[0]
        wanted = identify(job, {}, store.hashes)
        if store.find(wanted) is not None:
            return None
        out = store.partial(wanted)
        begin(out, wanted)
    if workers is None:
        workers = choose_workers(
            loaded.recipe.filtering.workers if loaded.recipe.filtering else None, input_bytes=input_bytes(job.corpora)
        )
    assert isinstance(job.config, FilteringConfig)
    verdict_executor(job.config, job.corpora, out, task=task, tasks=tasks, workers=workers).run()
    return verdict_folder(out, job.config, job.corpora)


def ask_share(loaded: LoadedRecipe, *, runs: Path, task: int, tasks: int) -> Path:
    """Ask one of `tasks` shares of a recipe's requests in a datatrove executor; return the ledger it keeps.

    Raises UsageError where the texts are not filtered yet, or the recipe has no section `synthesis`.
    """
    from hanhua.pipeline.recipe.completion import completed
    from hanhua.pipeline.service_builders import services_named
    from hanhua.synthesis.asking.datatrove_step import asking_executor
    from hanhua.synthesis.ledger.shares import share_path
    from hanhua.synthesis.stage import LEDGER

    store = Store(runs / loaded.recipe.name)
    loaded, _ = pinned(loaded, store.root, resolve=None)
    config = completed(loaded.recipe).synthesis
    if config is None:
        raise UsageError(f"{loaded.path}: has no section `synthesis`")
    corpus = store.find(identify(jobs(loaded.recipe)[0], {}, store.hashes), take_in=False)
    if corpus is None:
        raise UsageError("the texts are not filtered yet; first run the recipe in one process with --until filtering")
    ledger = store.root / "synthesis" / LEDGER
    services = services_named(["quality"])
    asking_executor(config, corpus.path, ledger=ledger, task=task, tasks=tasks, services=services).run()
    return share_path(ledger, task, tasks)


def refuse_several(stage: str) -> None:
    """Raise UsageError for a stage before training that several processes would have to make."""
    names = stage_names()
    raise UsageError(
        f"{stage} is not finished, and several processes can only train together; "
        f"first run the recipe in one process with --until {names[names.index(TRAINING) - 1]}"
    )


def train_beside(loaded: LoadedRecipe, *, runs: Path) -> None:
    """Take part in the training that the process of rank 0 runs, and write nothing of the run itself."""
    store = Store(runs / loaded.recipe.name)
    loaded, _ = pinned(loaded, store.root, resolve=None)
    artifacts: dict[str, Artifact] = {}
    # Hashes the earlier stages noted are read; rank 0 alone notes new ones, and checks what is finished.
    hashes = FileHashes(store.root / "hashes.json", keep=False)
    for job in jobs(loaded.recipe):
        folder = store.folder(identify(job, artifacts, hashes))
        if job.stage == TRAINING:
            _join(job, artifacts, folder)
            return
        if not (folder / MANIFEST).is_file():
            refuse_several(job.stage)
        artifacts[job.stage] = open_artifact(folder)
    raise UsageError("the recipe has no continued_pretrain section: several processes have nothing to do")


def _join(job: StageJob, artifacts: Mapping[str, Artifact], folder: Path) -> Mapping[str, Any]:
    if (folder / MANIFEST).is_file():
        return {}
    say(f"{job.stage}: process {rank()} of {process_count()}")
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    return call(job, artifacts, partial)
