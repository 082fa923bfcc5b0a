"""Models that continue prompts, each in a process of its own, loaded when first asked for."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanhua.view.run_list import RunList, finished

MODULE = "hanhua.view.continuing"
IDLE_SECONDS = 600.0
LONGEST_LINE = 1 << 20
_MODEL_STAGES = {"base": "base", "resize": "resized", "continued_pretrain": "adapted", "chat_vector": "restored"}


@dataclass(frozen=True)
class Offered:
    """A model that may be asked. key: RUN/STAGE, by which the page names it, never by its path. kind: of artifact."""

    key: str
    run: str
    kind: str
    folder: Path


def offered(runs: RunList) -> dict[str, Offered]:
    """Return the models of all finished stages, newest run first, by key."""
    found = {}
    for row in runs.rows():
        for stage, folder in finished(runs.note(row.name)).items():
            model = folder / "model"
            if stage in _MODEL_STAGES and any(model.glob("*.safetensors")):
                one = Offered(f"{row.name}/{stage}", row.name, _MODEL_STAGES[stage], model)
                found[one.key] = one
    return found


@dataclass
class ModelProcess:
    """One model's process. It answers one prompt at a time."""

    folder: Path
    process: Process
    used: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asked: int = 0

    async def continued(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield what the process says of one prompt, to its last line; an `error` when it ended before."""
        async with self.lock:
            self.used = time.monotonic()
            self.asked += 1
            assert self.process.stdin is not None and self.process.stdout is not None
            with suppress(ConnectionError):
                self.process.stdin.write(json.dumps({"id": self.asked, **request}).encode() + b"\n")
                await self.process.stdin.drain()
            while True:
                line = await self.process.stdout.readline()
                if not line:
                    yield {"error": f"its process ended with code {await self.process.wait()}"}
                    return
                said = _read(line)
                if said.pop("id", self.asked) != self.asked:
                    continue  # of a prompt whose reader went away before its end
                yield said
                self.used = time.monotonic()
                if "done" in said or "error" in said:
                    return


class ModelProcesses:
    """At most two models at a time; the one unused for longest makes room, and idle ones end."""

    def __init__(self, limit: int = 2) -> None:
        self._limit = limit
        self._running: dict[str, ModelProcess] = {}
        self._starting = asyncio.Lock()

    @property
    def loaded(self) -> dict[str, int]:
        """Process ids by the key of their model."""
        return {key: one.process.pid for key, one in self._running.items() if one.process.returncode is None}

    async def get(self, model: Offered, *, beside: str = "") -> ModelProcess:
        """Return the process of a model, started now if there is none. beside: a model that must stay."""
        async with self._starting:
            one = self._running.get(model.key)
            if one is not None and (one.process.returncode is not None or one.folder != model.folder):
                await self._end(model.key)
                one = None
            if one is None:
                others = [key for key in self._running if key != beside]
                if len(self._running) >= self._limit and others:
                    await self._end(min(others, key=lambda key: self._running[key].used))
                one = self._running[model.key] = await _start(model.folder)
            return one

    async def stop(self) -> None:
        """End every process."""
        for key in list(self._running):
            await self._end(key)

    async def end_idle(self) -> None:
        """End the processes that nobody has asked for IDLE_SECONDS."""
        for key, one in list(self._running.items()):
            if not one.lock.locked() and time.monotonic() - one.used > IDLE_SECONDS:
                await self._end(key)

    async def _end(self, key: str) -> None:
        one = self._running.pop(key, None)
        if one is not None and one.process.returncode is None:
            with suppress(ProcessLookupError):
                one.process.kill()  # it only reads; there is nothing to save
            await one.process.wait()


async def _start(folder: Path) -> ModelProcess:
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE, str(folder), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment,
        limit=LONGEST_LINE,
    )  # fmt: skip
    return ModelProcess(folder, process)


def _read(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}  # a library's print
    return said if isinstance(said, dict) else {}
