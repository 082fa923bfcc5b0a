"""A server that speaks OpenAI's protocol, asked one question at a time: vLLM, llama.cpp, Ollama, a provider."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from hanhua.errors import InputError

PAUSE_SECONDS = 0.5
"""Before the second try; twice as long before each further one."""


@dataclass(frozen=True)
class OpenAiServer:
    """An address, with or without its `/v1`. key_variable: of the environment, with the API key if one is wanted."""

    address: str
    key_variable: str
    tries: int
    patience_seconds: float

    @property
    def url(self) -> str:
        """The address with its `/v1`."""
        bare = self.address.rstrip("/")
        return bare if bare.endswith("/v1") else f"{bare}/v1"

    def models(self) -> list[str]:
        """Return the ids of what it serves. Raises InputError as `call` does."""
        return [str(one["id"]) for one in self.call("models", None).get("data") or []]

    def call(self, path: str, given: dict[str, Any] | None) -> dict[str, Any]:
        """Return a call's JSON, tried again after a pause where the server was busy or the line broke.

        given: the body of a POST; None for a GET. Raises InputError for a refusal, an answer that is no JSON, no answer
        in all tries, and what is no address.
        """
        url = f"{self.url}/{path}"
        for attempt in range(self.tries):
            try:
                with urllib.request.urlopen(self._request(url, given), timeout=self.patience_seconds) as response:
                    answer: dict[str, Any] = json.load(response)
                    return answer
            except urllib.error.HTTPError as error:
                reason = f"{error.code} {error.read().decode(errors='replace')[:300]}"
                if error.code < 500 and error.code != 429:
                    raise InputError(f"{url}: refused ({reason})") from None
            except ValueError:
                raise InputError(f"{url}: does not answer in JSON; is it an OpenAI-compatible server?") from None
            except OSError as error:
                reason = str(getattr(error, "reason", error))
            if attempt + 1 < self.tries:
                time.sleep(PAUSE_SECONDS * 2**attempt)
        raise InputError(f"{url}: no answer ({reason}); is the server running?")

    def _request(self, url: str, given: dict[str, Any] | None) -> urllib.request.Request:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self.key_variable):
            headers["Authorization"] = f"Bearer {key}"
        body = None if given is None else json.dumps(given).encode()
        try:
            return urllib.request.Request(url, data=body, headers=headers)
        except ValueError as error:
            raise InputError(
                f"{url}: not the address of a server ({error}); expected one such as http://localhost:8000"
            ) from None
