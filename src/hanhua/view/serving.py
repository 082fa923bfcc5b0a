"""Serves the page on the loopback address until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn

from hanhua.errors import UsageError
from hanhua.view.server import Viewer

LOOPBACK = "127.0.0.1"


def serve(runs: Path, *, recipes: Path, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted. port: 0 takes a free one. announce: is told the address once it is listened on.

    Raises UsageError when the port is taken.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        raise UsageError(f"--port {port}: cannot be listened on ({error}); choose another, or leave it out") from error
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    viewer = Viewer(runs, recipes=recipes)
    config = uvicorn.Config(
        viewer.application(token=token, port=port),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # they would let a request say where it comes from
        timeout_graceful_shutdown=5,
        ws="none",
    )
    with listening:
        listening.listen(64)
        announce(f"http://{LOOPBACK}:{port}/?token={token}")
        _Server(config, viewer).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Tells the viewer that it is to end, for a live address would else hold the server up."""

    def __init__(self, config: uvicorn.Config, viewer: Viewer) -> None:
        super().__init__(config)
        self._viewer = viewer

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self._viewer.ending = True
        super().handle_exit(sig, frame)
