"""Models in processes of their own: at most two, the one asked for stays, and a reader that goes away harms nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tiny_release import NEW_WORDS, write_model

from hanhua.view.model_processes import ModelProcess, ModelProcesses, Offered

pytestmark = pytest.mark.slow  # each process imports torch


def asked(prompt: str, tokens: int) -> dict[str, Any]:
    return {"prompt": prompt, "max_new_tokens": tokens, "temperature": 0.0, "seed": 0}


async def answer(process: ModelProcess, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    said = [one async for one in process.continued(request)]
    return "".join(one.get("piece", "") for one in said), said[-1]


def offer(folder: Path, key: str) -> Offered:
    return Offered(key, key, "base", folder)


def test_models_are_started_asked_and_ended(tmp_path: Path) -> None:
    write_model(tmp_path / "model", new_words=NEW_WORDS, seed=1)
    (tmp_path / "empty").mkdir()
    one, two, three = (offer(tmp_path / "model", key) for key in ("one", "two", "three"))

    async def steps() -> None:
        processes = ModelProcesses()
        first = await processes.get(one, beside="two")
        whole, last = await answer(first, asked("的时候", 12))
        assert last["done"] and last["tokens"] == 12
        # A reader that goes away in the middle: what is still written for it is nobody else's.
        reading = first.continued(asked("我们", 40))
        async for said in reading:
            if "piece" in said:
                break
        await reading.aclose()
        assert (await answer(first, asked("的时候", 12)))[0] == whole
        assert "has room for" in (await answer(first, asked("", 4)))[1]["error"]

        await processes.get(two, beside="one")
        assert set(processes.loaded) == {"one", "two"}
        await processes.get(three, beside="one")
        assert set(processes.loaded) == {"one", "three"}
        assert (await processes.get(one)).process.pid == processes.loaded["one"]
        await processes.stop()
        assert processes.loaded == {} and first.process.returncode is not None
        broken = await processes.get(offer(tmp_path / "empty", "empty"))
        assert "cannot be loaded" in (await answer(broken, asked("我们", 4)))[1]["error"]
        await processes.stop()

    asyncio.run(steps())
