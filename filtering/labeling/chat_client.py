"""A model that a server answers for: any that speaks OpenAI's `/v1/chat/completions`."""

from __future__ import annotations

from hanhua.errors import InputError
from hanhua.openai_server import OpenAiServer

TRIES, PATIENCE_SECONDS = 5, 300
MAX_NEW_TOKENS = 2048
"""Enough for a model that thinks first."""
KEY = "OPENAI_API_KEY"


class ChatServer:
    """One served model, asked without sampling."""

    def __init__(self, url: str, *, model: str | None) -> None:
        """Ask the server what it has. Raises InputError when it has several models and none is named."""
        self._server = OpenAiServer(url, KEY, tries=TRIES, patience_seconds=PATIENCE_SECONDS)
        self.url = self._server.url
        if model is None:
            ids = self._server.models()
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
        answer = self._server.call("chat/completions", given)
        try:
            return str(answer["choices"][0]["message"]["content"] or "")
        except (KeyError, IndexError, TypeError):
            raise InputError(f"{self.url}: expected a choice with a message, found {str(answer)[:200]}") from None
