"""A model behind an OpenAI-compatible endpoint, asked through the `openai` client; its key comes from the environment.

The client's own retries are off: a retry it makes by itself would be neither counted nor paid for in the ledger.
"""

from __future__ import annotations

import json
import os
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hanhua.errors import MissingExtra, UsageError
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.request import Request
from hanhua.synthesis.settings import NO_ADDRESS, SCHEMES, TeacherSettings
from hanhua.synthesis.teachers.failures import Broken, Busy, Erring, Failure, Impossible, Refused, TimedOut, Unreachable
from hanhua.synthesis.teachers.told import Told

if TYPE_CHECKING:
    import openai

BUSY = (429, 503, 529)
"""What servers say when they are asked too much at a time."""
NO_MONEY = ("insufficient_quota", "insufficient balance", "arrearage")
"""What providers say, in one status or another, when the account is empty: waiting does not help."""
UP_TO_V1 = "teacher.base_url is the address up to and with /v1"
MOST_SAID, MOST_MODELS = 300, 8
"""Characters of a server's message, and names of its models, that are repeated."""


class Endpoint:
    """Asks one model. Use it as an async context manager."""

    def __init__(self, settings: TeacherSettings, *, connections: int, deadline_seconds: float) -> None:
        try:
            import openai
        except ImportError:
            raise MissingExtra("synthesis", "synthesis") from None
        self._errors, self._settings = openai, settings
        self.place = address_of(settings)
        self._client = openai.AsyncOpenAI(
            api_key=api_key(settings),
            base_url=self.place,
            max_retries=0,
            timeout=deadline_seconds,
            http_client=openai.DefaultAsyncHttpxClient(limits=connection_limits(connections), trust_env=False),
        )

    async def __aenter__(self) -> Endpoint:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._client.close()

    async def ask(self, request: Request) -> Told:
        """Send one request. Raises a `Failure` that says whether to try again."""
        known = {"model", "messages", "temperature", "top_p", "max_tokens", "seed"}
        extra = {name: value for name, value in request.body.items() if name not in known}
        fields: dict[str, Any] = {name: value for name, value in request.body.items() if name in known}
        try:
            raw = await self._client.chat.completions.with_raw_response.create(**fields, extra_body=extra or None)
            data = raw.http_response.content
        except self._errors.NotFoundError as error:
            raise Impossible(await self._not_found(error)) from error
        except self._errors.APIError as error:
            raise self._failure(error) from error
        return read_answer(data, request)

    async def _not_found(self, error: openai.NotFoundError) -> str:
        """Return what a 404 means: a model that the server does not know, or no such endpoint at the address."""
        said = f"{self.place}: HTTP 404: {str(error)[:MOST_SAID]}"
        try:
            models = [one.id async for one in self._client.models.list()]
        except self._errors.OpenAIError:
            return f"{said}; no models are listed there either: {UP_TO_V1}"
        if self._settings.model in models:
            return f"{said}; the server knows {self._settings.model}, so it must be the address: {UP_TO_V1}"
        known = ", ".join(models[:MOST_MODELS]) + (" …" if len(models) > MOST_MODELS else "")
        return f"{said}; teacher.model is {self._settings.model!r}, and this server knows: {known or 'none'}"

    def _failure(self, error: openai.APIError) -> Failure:
        """Return what an error of the client means for us."""
        if isinstance(error, self._errors.APITimeoutError):
            return TimedOut(f"{self.place}: no answer in time")
        if isinstance(error, self._errors.APIStatusError):
            failure = failure_of_status(error.status_code, str(error), error.response.headers, self.place)
            if error.status_code in (401, 403):
                return Impossible(f"{failure}; {_about_key(self._settings)}")
            return failure
        cause = type(error.__cause__).__name__
        if cause in ("ConnectError", "ConnectTimeout", "PoolTimeout"):
            return Unreachable(
                f"{self.place}: no connection ({error.__cause__}); is a server running there? Start it, or correct "
                "teacher.base_url"
            )
        return Broken(f"{self.place}: {cause}: {error.__cause__ or error}")


def connection_limits(connections: int) -> Any:
    """Return the limits of so many connections, as the HTTP library that `openai` is built on says them."""
    from openai import DefaultAsyncHttpxClient

    module = __import__(DefaultAsyncHttpxClient.__mro__[1].__module__.split(".")[0])
    return module.Limits(max_connections=connections, max_keepalive_connections=connections)


def api_key(settings: TeacherSettings) -> str:
    """Return the key from the environment. Raises UsageError when the variable is not set."""
    if settings.api_key_env is None:
        return "none"
    return _from_environment(
        settings.api_key_env,
        f"the key of {settings.model}; export it, or set api_key_env: null for an endpoint without one",
    )


def address_of(settings: TeacherSettings) -> str:
    """Return the address, from the environment where the settings say so. Raises UsageError where it is not set."""
    if settings.base_url_env is None:
        return settings.base_url
    name = settings.base_url_env
    found = _from_environment(name, f"the address of {settings.model} up to /v1; export it, or set base_url")
    if not found.startswith(SCHEMES):
        raise UsageError(f"synthesis: the environment variable {name} holds none: {NO_ADDRESS}")
    return found


def _about_key(settings: TeacherSettings) -> str:
    if settings.api_key_env is None:
        return "no key was sent: teacher.api_key_env names the environment variable that holds it"
    return f"the key in ${settings.api_key_env} is not accepted for {settings.model}: export another"


def _from_environment(name: str, what: str) -> str:
    found = os.environ.get(name)
    if not found:
        raise UsageError(f"synthesis: the environment variable {name} is not set, which is to hold {what}")
    return found


def failure_of_status(status: int, message: str, headers: Any, address: str) -> Failure:
    """Return what an HTTP status means: an error answer is not billed, and 400, 413 and 422 will come again."""
    said = f"{address}: HTTP {status}: {message[:MOST_SAID]}"
    if status == 402 or any(words in message.lower() for words in NO_MONEY):
        return Impossible(f"{said}; the account is empty: pay in, and run the same command again")
    if status in (401, 403):
        return Impossible(said)
    if status in (404, 405):
        return Impossible(f"{said}; {UP_TO_V1}")
    if status in (400, 413, 422):
        return Refused(f"HTTP {status}: {message[:MOST_SAID]}")
    if status in BUSY:
        return Busy(said, wait_seconds=_retry_after(headers))
    return Erring(said)


def _retry_after(headers: Any) -> float | None:
    try:
        return max(float(headers.get("retry-after")), 0.0)
    except (TypeError, ValueError):
        return None


def read_answer(data: bytes, request: Request) -> Told:
    """Return what the body of a response says. Raises Broken for anything that is not one whole answer.

    A server that does not count tokens is taken to have used the most it could.
    """
    try:
        found = json.loads(data)
        choice = found["choices"][0]
        text = choice["message"]["content"]
        finish = choice["finish_reason"]
    except (ValueError, LookupError, TypeError) as error:
        raise Broken(f"not a whole answer of chat completions ({type(error).__name__}): {data[:80]!r}") from error
    if not isinstance(text, str) or not isinstance(finish, str):
        raise Broken(f"an answer without text or without a reason of its end: {data[:80]!r}")
    usage = found.get("usage") if isinstance(found.get("usage"), dict) else {}
    prompt = _count(usage.get("prompt_tokens"), request.most_prompt_tokens)
    output = _count(usage.get("completion_tokens"), request.max_output_tokens)
    answer = Answer(text, finish, prompt, output)
    return Told(answer, str(found.get("model") or ""), str(found.get("system_fingerprint") or ""))


def _count(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise
