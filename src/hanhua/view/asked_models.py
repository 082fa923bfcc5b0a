"""The page on which two models continue one prompt, streamed as they write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from hanhua.view.model_processes import ModelProcesses, Offered, offered
from hanhua.view.pages import Pages
from hanhua.view.run_list import RunList

LONGEST_PROMPT = 20_000
MOST_TOKENS = 1024
LOOK_FOR_IDLE_SECONDS = 20.0


class AskedModels:
    """Offers the models of finished stages, and passes prompts to their processes."""

    def __init__(self, runs: RunList, pages: Pages) -> None:
        self._runs, self._pages = runs, pages
        self.processes = ModelProcesses()

    async def show(self, request: Request) -> Response:
        """Show the form; no model is loaded for it."""
        models = list((await run_in_threadpool(offered, self._runs)).values())
        chosen = [request.query_params.get(side, "") for side in ("left", "right")]
        keys = [model.key for model in models]
        newest = [model.key for model in models if models and model.run == models[0].run]
        left = chosen[0] if chosen[0] in keys else next(iter(newest), "")
        right = chosen[1] if chosen[1] in keys else next(reversed(newest), "")
        return self._pages.page(request, "models.jinja", models=models, left=left, right=right)

    async def continued(self, request: Request) -> Response:
        """Stream one model's continuation as JSON lines; `beside` is the other one, which stays loaded."""
        asked = await request.json()
        models = await run_in_threadpool(offered, self._runs)
        model = models.get(str(asked.get("model")))
        if model is None:
            raise HTTPException(404)
        beside = str(asked.get("beside", ""))
        return StreamingResponse(self._lines(model, beside, _request(asked)), media_type="application/x-ndjson")

    async def unload(self, request: Request) -> Response:
        """End the models' processes."""
        del request
        await self.processes.stop()
        return JSONResponse({"loaded": self.processes.loaded})

    async def end_idle(self) -> None:
        """End idle processes from time to time, for ever."""
        while True:
            await asyncio.sleep(LOOK_FOR_IDLE_SECONDS)
            await self.processes.end_idle()

    async def _lines(self, model: Offered, beside: str, request: dict[str, Any]) -> AsyncIterator[str]:
        process = await self.processes.get(model, beside=beside)
        async for said in process.continued(request):
            yield json.dumps(said) + "\n"


def _request(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what a model is asked, within limits. HTTPException 400 for what is no number."""
    try:
        return {
            "prompt": str(asked["prompt"])[:LONGEST_PROMPT],
            "max_new_tokens": min(MOST_TOKENS, max(1, int(asked["max_new_tokens"]))),
            "temperature": min(5.0, max(0.0, float(asked["temperature"]))),
            "seed": int(asked["seed"]) % (1 << 31),
        }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise HTTPException(400) from error
