"""Starts one process per device for the training of a stage, passes signals on, and ends them together.

Each process is told its place by the variables that torchrun sets, which accelerate reads; under torchrun, srun or
`accelerate launch` they are there already and nothing is started here.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.manifest import FileEntry
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.errors import HanhuaError, UsageError
from hanhua.progress import say

Processes = list[subprocess.Popen[bytes]]
POLL_SECONDS = 0.05
GRACE_SECONDS = 20.0
"""For the others to end by themselves when one has failed: they may be waiting for it forever."""


def wanted_processes(config: ContinuedPretrainConfig) -> int:
    """Return how many processes to train with on this machine: as given, else one per GPU."""
    import torch

    gpus: int = torch.cuda.device_count()
    if config.processes is None:
        return max(1, gpus)
    if gpus and config.processes > gpus:
        raise UsageError(f"processes is {config.processes}, but there are {gpus} GPUs")
    return config.processes


def launch(
    config: ContinuedPretrainConfig,
    base: Artifact,
    corpus: Artifact,
    out: Path,
    *,
    first_new_id: int | None,
    processes: int,
) -> dict[str, Any]:
    """Train in `processes` processes of this machine and return the facts of the run.

    SIGTERM and Ctrl-C are passed on, so that all save a checkpoint. Raises HanhuaError when a process fails, after
    ending the others; what it said is on stderr (the first) or in `logs/process-N.log`.
    """
    work, logs = out / "work", out / "logs"
    work.mkdir(parents=True, exist_ok=True)
    logs.mkdir(parents=True, exist_ok=True)
    job, facts = work / "job.json", work / "facts.json"
    facts.unlink(missing_ok=True)
    inputs = {"base": _artifact_data(base), "corpus": _artifact_data(corpus)}
    write_json(
        job,
        {"config": config.model_dump(mode="json"), **inputs, "out": str(out.resolve()), "first_new_id": first_new_id},
    )
    say(f"continued_pretrain: {processes} processes on this machine")
    children: Processes = []
    with _passing_signals_on(children) as received:
        try:
            _start(children, job, logs, processes)
            # A signal that came while they were being started has not reached them all: they have done nothing yet.
            codes = [] if received else _wait(children)
        finally:
            _end(children)
    if received:
        _leave(received[0])
    if any(codes):
        raise HanhuaError(_what_failed(codes, logs))
    found: dict[str, Any] = read_json(facts)
    return found


def read_job(path: Path) -> tuple[ContinuedPretrainConfig, Artifact, Artifact, Path, int | None]:
    """Return what `launch` wrote for its processes."""
    data = json.loads(path.read_text(encoding="utf-8"))
    config = ContinuedPretrainConfig.model_validate(data["config"])
    base, corpus = _artifact(data["base"]), _artifact(data["corpus"])
    return config, base, corpus, Path(data["out"]), data["first_new_id"]


def _artifact_data(artifact: Artifact) -> dict[str, Any]:
    return {
        "path": str(artifact.path.resolve()),
        "kind": artifact.kind,
        "content_hash": artifact.content_hash,
        "files": [asdict(entry) for entry in artifact.files],
    }


def _artifact(data: Mapping[str, Any]) -> Artifact:
    files = tuple(FileEntry(**entry) for entry in data["files"])
    return Artifact(Path(data["path"]), data["kind"], data["content_hash"], files, {}, {})


def _start(children: Processes, job: Path, logs: Path, processes: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for rank in range(processes):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        environment = {**os.environ, **{name: str(value) for name, value in {**place, **where}.items()}}
        # One process per core or GPU; threads inside each would compete for the cores.
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
        command = [sys.executable, *_warning_flags(), "-m", "hanhua.continued_pretrain.worker", str(job)]
        with (logs / f"process-{rank}.log").open("wb") as log:
            error = None if rank == 0 else log
            child = subprocess.Popen(command, env=environment, stdout=log, stderr=error, start_new_session=True)
        children.append(child)


def _warning_flags() -> list[str]:
    return [f"-W{option}" for option in sys.warnoptions]


def _wait(children: Processes) -> list[int]:
    """Return the exit codes once all have ended, or some time after one has failed."""
    deadline: float | None = None
    while any(child.poll() is None for child in children):
        failed = [child for child in children if child.returncode not in (None, 0)]
        if failed and deadline is None:
            deadline = time.monotonic() + GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return [child.returncode if child.returncode is not None else -signal.SIGKILL for child in children]


def _end(children: Processes) -> None:
    for child in children:
        if child.poll() is None:
            child.kill()
        child.wait()


@contextmanager
def _passing_signals_on(children: Processes) -> Iterator[list[int]]:
    """Pass SIGTERM and SIGINT on to the processes; yield what was received."""
    import threading

    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def pass_on(number: int, frame: Any) -> None:
        received.append(number)
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM if len(received) == 1 else signal.SIGKILL)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _what_failed(codes: list[int], logs: Path) -> str:
    # The others fail because the first did; its own code is the one that says why.
    rank = next((rank for rank, code in enumerate(codes) if code > 0), next(r for r, code in enumerate(codes) if code))
    log = logs / f"process-{rank}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] if log.is_file() else []
    said = f": {lines[0]}" if lines else "; its output is above" if rank == 0 else ""
    return f"process {rank} of {len(codes)} ended with code {codes[rank]}{said}"
