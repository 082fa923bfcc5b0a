"""What comes back from a teacher that was asked."""

from __future__ import annotations

from dataclasses import dataclass

from hanhua.synthesis.answer import Answer


@dataclass(frozen=True)
class Told:
    """An answer and what the server says of itself: the model's name, and its build where it tells one."""

    answer: Answer
    served_model: str
    engine: str
