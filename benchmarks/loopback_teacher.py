"""A server on loopback that speaks OpenAI's chat completions, fast, and with every fault a real one has.

What it answers is decided by the request alone, so that two runs can be compared byte for byte; which fault it shows is
drawn by a seed. It notes what it was asked and what it answered whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Write = Callable[[Mapping[str, Any]], str]
FAULTS = ("429", "500", "cut", "hang", "malformed", "half", "garbage")


@dataclass
class Notes:
    """asked, whole: times each request (a hash of its body) came, and was answered whole. tokens: of whole answers."""

    asked: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    most_at_once: int = 0
    busy: int = 0


@dataclass
class Teacher:
    """How it behaves. seconds: of one answer; slots: how many it writes at once, more wait; most: beyond it says 429.

    faults: share of each fault among the requests: those of FAULTS, or any HTTP status; the n-th request to arrive
    shows the same one in every run of a seed. storm: so many requests at the beginning get a 429, whatever they are.
    """

    write: Write
    seconds: float = 0.0
    slots: int | None = None
    most: int | None = None
    storm: int = 0
    faults: Mapping[str, float] = field(default_factory=dict)
    hang_seconds: float = 30.0
    retry_after: float | None = None
    seed: int = 0
    models: tuple[str, ...] = ("loopback",)
    notes: Notes = field(default_factory=Notes)


def digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def completion(text: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A response as the API words it; tokens are counted as characters."""
    prompt = sum(len(one["content"]) for one in body["messages"])
    usage = {"prompt_tokens": prompt, "completion_tokens": len(text), "total_tokens": prompt + len(text)}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


class _Server:
    def __init__(self, teacher: Teacher) -> None:
        self.teacher, self.chance, self.noise = teacher, random.Random(teacher.seed), random.Random(teacher.seed)
        self.slots = asyncio.Semaphore(teacher.slots or 1_000_000)
        self.here = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (body := await self._read(reader)) is not None:
                if not await (self._answer(body, writer) if body else self._list_models(writer)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> dict[str, Any] | None:
        head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
        if not head:
            return None
        if head.startswith(b"GET"):
            return {}
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        found: dict[str, Any] = json.loads(await reader.readexactly(length))
        return found

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        notes, teacher = self.teacher.notes, self.teacher
        key = digest(body)
        notes.asked[key] += 1
        fault = self._fault()
        in_storm = sum(notes.asked.values()) <= teacher.storm
        if in_storm or (teacher.most is not None and self.here >= teacher.most):
            fault = "429"
        self.here += 1
        notes.most_at_once = max(notes.most_at_once, self.here)
        try:
            if fault is not None and fault.isdigit():
                notes.busy += 1
                extra = f"retry-after: {teacher.retry_after}\r\n" if teacher.retry_after and fault == "429" else ""
                return await self._send(writer, int(fault), b'{"error": {"message": "wait"}}', extra=extra)
            if fault == "hang":
                await asyncio.sleep(teacher.hang_seconds)
                return False
            async with self.slots:
                if teacher.seconds:
                    await asyncio.sleep(teacher.seconds)
            answer = completion(teacher.write(body), body)
            data = json.dumps(answer, ensure_ascii=False).encode()
            if fault is None:
                notes.whole[key] += 1
                notes.tokens += answer["usage"]["total_tokens"]
            return await self._spoil(fault, data, writer)
        finally:
            self.here -= 1

    async def _list_models(self, writer: asyncio.StreamWriter) -> bool:
        listed = {"object": "list", "data": [{"id": one, "object": "model"} for one in self.teacher.models]}
        return await self._send(writer, 200, json.dumps(listed).encode())

    async def _spoil(self, fault: str | None, data: bytes, writer: asyncio.StreamWriter) -> bool:
        if fault == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data))
            writer.write(data[: len(data) // 2])
            await writer.drain()
            return False
        if fault == "malformed":
            data = data[:-20] + b"}}}}"
        elif fault == "half":
            data = b'{"choices": [{"message": {"role": "assistant", "content": null}, "finish_reason": null}]}'
        elif fault == "garbage":
            data = self.noise.randbytes(200)
        return await self._send(writer, 200, data)

    async def _send(self, writer: asyncio.StreamWriter, status: int, data: bytes, *, extra: str = "") -> bool:
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{extra}content-length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        await writer.drain()
        return True

    def _fault(self) -> str | None:
        drawn = self.chance.random()
        for name, share in self.teacher.faults.items():
            drawn -= share
            if drawn < 0:
                return name
        return None


async def serve_at(teacher: Teacher, port: int) -> None:
    """Serve at a port of this machine until the process is ended."""
    server = await asyncio.start_server(_Server(teacher).serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


@contextmanager
def served_teacher(teacher: Teacher) -> Iterator[str]:
    """Serve in a thread of its own until the block ends; give the address up to /v1."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    found: list[int] = []

    async def begin() -> asyncio.Server:
        server = await asyncio.start_server(_Server(teacher).serve, "127.0.0.1", 0, backlog=1024)
        found.append(server.sockets[0].getsockname()[1])
        ready.set()
        return server

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(begin())
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield f"http://127.0.0.1:{found[0]}/v1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def echo(body: Mapping[str, Any]) -> str:
    """An answer of about 300 characters that only its request can have got."""
    said: str = body["messages"][-1]["content"]
    return f"第{digest(body)}号回答。" + said[-280:]


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)
