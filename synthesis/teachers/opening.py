"""What every teacher can be asked, whichever way it is run, and the one that the settings name."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from hanhua.synthesis.request import Request
from hanhua.synthesis.settings import TeacherSettings
from hanhua.synthesis.teachers.told import Told


class Teacher(Protocol):
    """A model that is asked. Use it as an async context manager."""

    place: str
    """Where it is, for messages: an address, or the engine in this process."""

    async def __aenter__(self) -> Teacher:
        """Make it ready. Raises UsageError where that cannot be."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Let go of it."""

    async def ask(self, request: Request) -> Told:
        """Send one request. Raises a `Failure` that says whether to try again."""


def require_teacher(settings: TeacherSettings) -> None:
    """Raise UsageError or MissingExtra for a key, address or package that can be seen to be missing; ask nobody."""
    open_teacher(settings, connections=1, deadline_seconds=1.0)


def open_teacher(settings: TeacherSettings, *, connections: int, deadline_seconds: float) -> Teacher:
    """Return the teacher of the settings. Raises UsageError for what can be seen to be missing before it is asked."""
    if settings.engine == "vllm":
        from hanhua.synthesis.teachers.in_process import VllmTeacher

        return VllmTeacher(settings)
    from hanhua.synthesis.teachers.endpoint import Endpoint

    return Endpoint(settings, connections=connections, deadline_seconds=deadline_seconds)
