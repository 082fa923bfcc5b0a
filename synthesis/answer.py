"""What a teacher said to one request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """A teacher's words as they came, before any check.

    finish_reason: the server's (`stop`, `length`, `content_filter` …). Tokens are the server's own count.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    output_tokens: int
