"""Who may ask the page anything: whoever has its address, from this machine, and no other website.

Loopback alone is not enough: every user of the machine reaches it, and so does any site open in a browser. Host is
compared against rebinding of names, Origin against requests of other sites; the token stands in the address that
`hanhua view` prints and, from the first visit on, in a cookie.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
METHODS = ("GET", "HEAD", "POST")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware that answers 403 to all but the page's own requests, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = {f"{host}:{port}" for host in HOSTS}
        self.cookie = f"hanhua_view_{port}"  # cookies know no ports, and two pages may be open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websockets here
        refused = self._refusal(scope)
        answer = self._app if refused is None else refused

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in METHODS:
            return PlainTextResponse("method not allowed\n", status_code=405)
        if headers.get("host") not in self._hosts:
            return _forbidden("this page answers to its own address only (Host)")
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self._hosts}:
            return _forbidden("another site may not ask this page (Origin)")
        if origin is None and scope["method"] == "POST":
            return _forbidden("only the page itself may send something here (no Origin)")
        return self._without_token(scope, headers)

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None and self._right(given) and scope["method"] == "GET":
            return self._admitted(scope, [(key, value) for key, value in query if key != "token"])
        if self._right(cookie_parser(headers.get("cookie", "")).get(self.cookie, "")):
            return None
        return _forbidden("open the address that `hanhua view` printed; it ends with the token")

    def _admitted(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        """Set the cookie and go on to the same address without the token, which then is in no history or Referer."""
        path = "/" + scope["path"].lstrip("/")  # `//evil.example` would be another site's address
        there = Response(status_code=303)
        location = RedirectResponse(path + (f"?{urlencode(query)}" if query else "")).headers["location"]
        there.headers["location"] = location
        there.set_cookie(self.cookie, self._token, httponly=True, samesite="strict")
        return there

    def _right(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())


def _forbidden(why: str) -> Response:
    return PlainTextResponse(f"Forbidden: {why}\n", status_code=403)
