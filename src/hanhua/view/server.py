"""The page's addresses: what each shows, and the live ones that say something whenever it changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from hanhua.errors import HanhuaError, InputError
from hanhua.view.asked_models import AskedModels
from hanhua.view.guard import Guard
from hanhua.view.pages import Pages, Reader
from hanhua.view.recipe_check import LONGEST_RECIPE, check_typed, recipes_to_begin_with, text_to_begin_with
from hanhua.view.rejected import rejected
from hanhua.view.run_list import RunList, finished
from hanhua.view.run_state import RunWatch
from hanhua.view.tokenizer_explorer import cuts, new_tokens, tokenizers_of

STATIC = Path(__file__).parent / "static"
LOOK_EVERY_SECONDS = 1.0
SAY_EVERY_SECONDS = 15.0
"""A live address says at least this often that it is there, or proxies close it."""
EXAMPLE = "今天天气很好，我们一起去北京大学图书馆看书。"
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""A report needs its own styles and no scripts; it may come from elsewhere and is not trusted."""


class Viewer:
    """Answers for one folder of runs. recipes: the folder from which the paths of a typed recipe start.

    ending: set when the server is to end; the live addresses then end by themselves.
    """

    def __init__(self, runs: Path, *, recipes: Path) -> None:
        self.runs, self.recipes = RunList(runs), recipes
        self.watch, self.pages = RunWatch(self.runs), Pages(runs)
        self.asked = AskedModels(self.runs, self.pages)
        self.ending = False

    def application(self, *, token: str, port: int) -> Guard:
        """Return the guarded application."""
        routes = [
            Route("/", self.show_runs),
            Route("/live/runs", self.live_runs),
            Route("/live/runs/{name}", self.live_run),
            Route("/runs/{name}", self.show_run),
            Route("/runs/{name}/report", self.show_report),
            Route("/runs/{name}/report.html", self.report_file),
            Route("/runs/{name}/rejected", self.show_rejected),
            Route("/runs/{name}/tokenizer", self.show_tokenizer),
            Route("/models", self.asked.show),
            Route("/models/continue", self.asked.continued, methods=["POST"]),
            Route("/models/unload", self.asked.unload, methods=["POST"]),
            Route("/recipes", self.show_recipes),
            Route("/recipes/check", self.check_recipe, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        handlers: dict[Any, Any] = {
            HTTPException: self.not_found,
            HanhuaError: self.went_wrong,
            OSError: self.went_wrong,
        }
        app = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        return Guard(app, token=token, port=port)

    async def show_runs(self, request: Request) -> Response:
        """Show the list of runs."""
        rows = await run_in_threadpool(self.runs.rows)
        return self.pages.page(request, "runs.jinja", rows=rows)

    async def live_runs(self, request: Request) -> Response:
        """Say the list anew whenever it changed."""
        return self._live(request, lambda reader: self.pages.fragment("run_rows.jinja", reader, rows=self.runs.rows()))

    async def show_run(self, request: Request) -> Response:
        """Show a run's stages and training."""
        state = await run_in_threadpool(self.watch.state, _name(request))
        return self.pages.page(request, "run.jinja", run=state, name=state.name, tab="overview")

    async def live_run(self, request: Request) -> Response:
        """Say a run's state anew whenever it changed."""
        name = _name(request)
        self.runs.root(name)
        return self._live(
            request, lambda reader: self.pages.fragment("run_state.jinja", reader, run=self.watch.state(name))
        )

    async def show_report(self, request: Request) -> Response:
        """Show a run's report inside the page."""
        there = self._report(request) is not None
        return self.pages.page(request, "report.jinja", name=_name(request), there=there, tab="report")

    async def report_file(self, request: Request) -> Response:
        """Send a run's report as it is, without the right to run scripts."""
        path = self._report(request)
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})

    async def show_rejected(self, request: Request) -> Response:
        """Show what was rejected, with samples of one reason."""
        corpus = self._finished(request).get("filtering")
        reason = request.query_params.get("reason", "")
        found = None if corpus is None else await run_in_threadpool(rejected, corpus, reason)
        return self.pages.page(request, "rejected.jinja", name=_name(request), found=found, tab="rejected")

    async def show_tokenizer(self, request: Request) -> Response:
        """Show new tokens, and a text as base and extended tokenizer cut it."""
        text, query = request.query_params.get("text", EXAMPLE), request.query_params.get("q", "")
        data = await run_in_threadpool(self._tokenizer, request, text, query)
        return self.pages.page(
            request, "tokenizer.jinja", name=_name(request), text=text, q=query, tab="tokenizer", **data
        )

    async def show_recipes(self, request: Request) -> Response:
        """Show the editor, with one of the recipes to begin with."""
        chosen = request.query_params.get("from", "")
        text = await run_in_threadpool(text_to_begin_with, chosen, folder=self.recipes)
        names = list(await run_in_threadpool(recipes_to_begin_with, self.recipes))
        folder = str(self.recipes)
        return self.pages.page(request, "recipes.jinja", names=names, chosen=chosen, text=text, folder=folder)

    async def check_recipe(self, request: Request) -> Response:
        """Say what is wrong with a text that is being typed."""
        text = (await _body(request)).decode("utf-8", errors="replace")
        thorough = request.query_params.get("thorough") == "1"
        found = await run_in_threadpool(check_typed, text, folder=self.recipes, thorough=thorough)
        html = self.pages.fragment("checked.jinja", Reader.of(request), found=found)
        lines = ",".join(str(slip.line) for slip in found.slips if slip.line)
        return Response(html, media_type="text/html", headers={"X-Lines": lines, "X-Mistakes": str(len(found.slips))})

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Say that an address is none of the page's."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self.pages.page(request, "wrong.jinja", status=status, title="not_found", message="")

    async def went_wrong(self, request: Request, error: Exception) -> Response:
        """Say what cannot be shown, and why."""
        status = 404 if isinstance(error, InputError) else 500
        return self.pages.page(request, "wrong.jinja", status=status, title="went_wrong", message=str(error))

    def _finished(self, request: Request) -> dict[str, Path]:
        return finished(self.runs.note(_name(request)))

    def _report(self, request: Request) -> Path | None:
        folder = self._finished(request).get("report")
        path = folder / "report.html" if folder else None
        return path if path is not None and path.is_file() else None

    def _tokenizer(self, request: Request, text: str, query: str) -> dict[str, Any]:
        done = self._finished(request)
        extension = done.get("vocab_extension")
        found = None if extension is None else new_tokens(extension, query)
        first = found.first_new_id if found else 1 << 62
        extends = "vocab_extension" in self.runs.note(_name(request)).stages
        return {"found": found, "extends": extends, "cuts": cuts(tokenizers_of(done), text, first_new_id=first)}

    def _live(self, request: Request, render: Callable[[Reader], str]) -> Response:
        """Return a stream of server-sent events: the HTML `render` makes, whenever it is another than before."""
        reader = Reader.of(request)

        async def events() -> AsyncIterator[str]:
            before, silent = "", 0.0
            while not (self.ending or await request.is_disconnected()):
                try:
                    html = await run_in_threadpool(render, reader)
                except (HanhuaError, OSError):
                    html = before  # being moved just now, or removed
                if html != before:
                    before, silent = html, 0.0
                    yield "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"
                elif silent >= SAY_EVERY_SECONDS:
                    silent = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(LOOK_EVERY_SECONDS)
                silent += LOOK_EVERY_SECONDS

        return StreamingResponse(events(), media_type="text/event-stream")

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        del app
        ending = asyncio.create_task(self.asked.end_idle())
        try:
            yield
        finally:
            ending.cancel()
            with suppress(asyncio.CancelledError):
                await ending
            await self.asked.processes.stop()


def _name(request: Request) -> str:
    return str(request.path_params["name"])


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_RECIPE:
            raise HTTPException(413)
    return body
