"""A model that a server answers for: any that speaks OpenAI's `/v1/chat/completions`."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

from hanhua.errors import InputError

TRIES, PAUSE_SECONDS, PATIENCE_SECONDS = 5, 0.5, 300
MAX_NEW_TOKENS = 2048
"""Enough for a model that thinks first."""
KEY = "OPENAI_API_KEY"


class ChatServer:
    """One served model, asked without sampling."""

    def __init__(self, url: str, *, model: str | None) -> None:
        """Ask the server what it has. Raises InputError when it has several models and none is named."""
        self.url = url.rstrip("/")
        self.url = self.url if self.url.endswith("/v1") else f"{self.url}/v1"
        if model is None:
            ids = [str(one["id"]) for one in self._call("models", None).get("data") or []]
            if len(ids) != 1:
                raise InputError(f"{self.url} serves {', '.join(ids) or 'no model'}; name one with --judge-model")
            model = ids[0]
        self.model = model

    def answer(self, prompt: str) -> str:
        """Return the model's words. Raises InputError where there are none."""
        given = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": MAX_NEW_TOKENS,
        }
        answer = self._call("chat/completions", given)
        try:
            return str(answer["choices"][0]["message"]["content"] or "")
        except (KeyError, IndexError, TypeError):
            raise InputError(f"{self.url}: expected a choice with a message, found {str(answer)[:200]}") from None

    def _call(self, path: str, given: dict[str, Any] | None) -> dict[str, Any]:
        """Return a call's JSON, tried again after a pause where the server was busy or the line broke."""
        url, reason = f"{self.url}/{path}", ""
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        body = None if given is None else json.dumps(given).encode()
        for attempt in range(TRIES):
            try:
                request = urllib.request.Request(url, data=body, headers=headers)
                with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                    found: dict[str, Any] = json.load(response)
                    return found
            except urllib.error.HTTPError as error:
                reason = f"{error.code} {error.read().decode(errors='replace')[:300]}"
                if error.code < 500 and error.code != 429:
                    raise InputError(f"{url}: refused ({reason})") from None
            except ValueError as error:
                raise InputError(f"{url}: no server that answers in JSON ({error})") from None
            except OSError as error:
                reason = str(getattr(error, "reason", error))
            if attempt + 1 < TRIES:
                time.sleep(PAUSE_SECONDS * 2**attempt)
        raise InputError(f"{url}: no answer ({reason}); is the server running?")
