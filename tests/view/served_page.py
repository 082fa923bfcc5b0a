"""The page served as `hanhua view` serves it, in a thread of the test; requests as any program may send them."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from tiny_run import make_run

from hanhua.artifacts.files import write_json
from hanhua.view.server import Viewer

TOKEN = "a-token-of-the-test"
RECIPE = {"name": "Llama-3-tiny", "base": {"toy": {"layers": 1}}, "continued_pretrain": {"max_tokens": 921_600}}
KINDS = {
    "filtering": "corpus",
    "base": "base",
    "vocab_extension": "tokenizer",
    "resize": "resized",
    "continued_pretrain": "adapted",
    "eval": "scores",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    cookies: tuple[str, ...]


@dataclass(frozen=True)
class Served:
    """The page. `ask` sends a request with the cookie and Host of an admitted browser, unless told otherwise."""

    port: int
    viewer: Viewer

    @property
    def cookie(self) -> str:
        return f"hanhua_view_{self.port}={TOKEN}"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, *, method: str = "GET", body: str | None = None, **headers: str | None) -> Answer:
        given = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie, **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True)
            data = None if body is None else body.encode()
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(data)
            answer = connection.getresponse()
            cookies = tuple(value for name, value in answer.getheaders() if name == "set-cookie")
            return Answer(answer.status, dict(answer.getheaders()), answer.read().decode(), cookies)
        finally:
            connection.close()


@contextmanager
def served(runs: Path, *, recipes: Path) -> Iterator[Served]:
    """Serve until the block ends."""
    viewer = Viewer(runs, recipes=recipes)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        app: Any = viewer.application(token=TOKEN, port=port)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield Served(port, viewer)
        finally:
            server.should_exit = True
            thread.join()


def make_finished_run(root: Path) -> None:
    """Make the folder of a finished run from made-up artifacts, some texts of which are hostile."""
    made = make_run(root)
    folders = {stage: made[kind].path.name for stage, kind in KINDS.items()}
    write_json(root / "run.json", {"recipe": RECIPE, "stages": list(KINDS), "artifacts": folders})
    (root / "run.log").write_text("2026-11-28 10:00:00 [6/6] eval: done in 3.0 s\n", encoding="utf-8")
