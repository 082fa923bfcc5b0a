"""The page on which a person judges: a server on this machine alone, under an address that nobody can guess.

It answers only requests that name this machine as their host (so that no site can reach it through a name of its own)
and carry the token in their path. What is labeled is on disk before the page hears of it. The page loads nothing from
elsewhere, and texts are put into it as text.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Protocol

from hanhua.errors import HanhuaError, UsageError
from hanhua.filtering.config import CATEGORIES
from hanhua.filtering.labeling.candidates import Candidate
from hanhua.filtering.labeling.label_file import JUNK, KEEP, UNSURE

LOOPBACK = "127.0.0.1"
SHOWN_CHARACTERS = 4000
MAX_REQUEST_BYTES = 10_000
KEYS = {"k": KEEP, "j": JUNK, **{str(n): name for n, name in enumerate(CATEGORIES, 1)}, "s": UNSURE}
"""Which key says what."""


class Judging(Protocol):
    """What the page needs of whatever is judged: a session, or an audit."""

    @property
    def waiting(self) -> list[Candidate]:
        """The texts to judge."""

    @property
    def round_size(self) -> int:
        """How many there were."""

    def label(self, key: str, label: str) -> None:
        """Take down a judgement, durably."""

    def undo(self) -> Candidate | None:
        """Take back the last one."""


@dataclass
class Page:
    """One sitting at the page.

    next_round: called when all texts are judged; returns what to say, and whether there are more. Its work may take
    seconds.
    """

    judging: Judging
    next_round: Callable[[], tuple[str, bool]]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    said: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    failed: HanhuaError | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> dict[str, Any]:
        """Return what the page shows: a text, or that there is none left."""
        while not self.judging.waiting and not self.over.is_set():
            self.said, more = self.next_round()
            if not more:
                self.over.set()
        waiting = self.judging.waiting
        text = None
        if waiting and not self.over.is_set():
            one = waiting[0]
            text = {
                "key": one.key,
                "text": one.text[:SHOWN_CHARACTERS],
                "characters": len(one.text),
                "source": one.source,
            }
        return {"text": text, "left": len(waiting), "of": self.judging.round_size, "said": self.said}

    def take(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        """Do what the page asks, and return what it shows then."""
        if path == "label":
            self.judging.label(str(given.get("key")), str(given.get("label")))
        elif path == "undo":
            self.judging.undo()
        elif path == "finish":
            self.over.set()
        return self.state()


def serve_page(page: Page, *, port: int = 0, opened: Callable[[str], None]) -> None:
    """Serve until the person is done, or nothing is left to judge. opened: called with the address.

    Raises what went wrong while a round was being prepared, and UsageError for a port that is taken.
    """
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), type("Handler", (_Handler,), {"page": page}))
    except OSError as error:
        raise UsageError(f"port {port}: {error}; choose another with --port") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        opened(f"http://{LOOPBACK}:{server.server_address[1]}/{page.token}/")
        while not page.over.wait(0.2):
            pass
        # The last answer is still on its way to the page.
        with page.lock:
            pass
    finally:
        server.shutdown()
        server.server_close()
    if page.failed is not None:
        raise page.failed


class _Handler(BaseHTTPRequestHandler):
    """Answers for one page."""

    protocol_version = "HTTP/1.1"
    page: Page

    def log_message(self, *_: Any) -> None:
        """Say nothing: the path holds the token."""

    def do_GET(self) -> None:
        name = self._name()
        if name == "":
            nonce = secrets.token_urlsafe(12)
            html = files("hanhua.filtering.labeling").joinpath("page.html").read_text(encoding="utf-8")
            html = html.replace("NONCE", nonce).replace("{/*KEYS*/}", json.dumps(KEYS))
            self._send(200, html.encode(), "text/html", nonce)
        elif name == "state":
            self._answer("", {})
        else:
            self._refuse(404)

    def do_POST(self) -> None:
        name = self._name()
        size = int(self.headers.get("Content-Length") or 0)
        if name not in ("label", "undo", "finish") or size > MAX_REQUEST_BYTES:
            return self._refuse(404)
        try:
            given = json.loads(self.rfile.read(size) or b"{}")
        except ValueError:
            return self._refuse(400)
        return self._answer(name, given if isinstance(given, dict) else {})

    def _name(self) -> str | None:
        """Return what is asked for, None where the token or the host is wrong."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        _, token, name = [*self.path.split("/", 2), "", ""][:3]
        known = hmac.compare_digest(token.encode(), self.page.token.encode())
        return name if known and host in (LOOPBACK, "localhost") else None

    def _answer(self, name: str, given: dict[str, Any]) -> None:
        with self.page.lock:
            try:
                self._send_json(200, self.page.take(name, given))
            except UsageError as error:
                self._send_json(400, {"error": str(error)})
            except HanhuaError as error:
                self.page.failed = error
                self._send_json(500, {"error": str(error)})
                self.page.over.set()

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._send(status, b"", "text/plain")

    def _send_json(self, status: int, data: dict[str, Any]) -> None:
        self._send(status, json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"), "application/json")

    def _send(self, status: int, body: bytes, kind: str, nonce: str = "") -> None:
        allowed = f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; " if nonce else ""
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", f"default-src 'none'; {allowed}frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(body)
