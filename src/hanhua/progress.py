"""Progress on stderr: a bar on a terminal, a line every few seconds elsewhere; with a rate and a time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

LINE_EVERY_SECONDS = 10.0

_logs: list[TextIO] = []


class Progress:
    """Counts work done and shows it.

    >>> with Progress("filtering", total=200, unit="documents") as bar:
    ...     bar.advance(10, note="kept 8")
    """

    def __init__(self, name: str, *, total: int | None, unit: str, done: int = 0) -> None:
        self.name, self.total, self.unit = name, total, unit
        self.done = self._done_before = done
        self._began = self._shown = self._logged = time.monotonic()
        self._share: float | None = None
        self._share_before = 0.0
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
        if kind is None:
            seconds = time.monotonic() - self._began
            say(f"{self.name}: {self.done:,} {self.unit} in {duration(seconds)}")

    def advance(self, amount: int = 1, *, note: str = "", share: float | None = None) -> None:
        """Count `amount` more as done; `note` is shown behind the numbers.

        share: of all the work, where the total in units is not known; the time left is told by it.
        """
        self.done += amount
        if share is not None:
            self._share_before = share if self._share is None else self._share_before
            self._share = share
        now = time.monotonic()
        if now - self._shown < (0.1 if self._terminal else LINE_EVERY_SECONDS):
            return
        self._shown = now
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{self._line(now, note)}"[:200])
            sys.stderr.flush()
            if now - self._logged >= LINE_EVERY_SECONDS:  # for whoever watches the log from elsewhere
                self._logged = now
                _log(self._line(now, note))
        else:
            say(self._line(now, note))

    def _line(self, now: float, note: str) -> str:
        rate = (self.done - self._done_before) / max(now - self._began, 1e-9)
        parts = [f"{self.name}: {self.done:,}"]
        if self.total:
            left = (self.total - self.done) / rate if rate else 0.0
            parts[0] += f"/{self.total:,} {self.unit} ({self.done / self.total:.0%})"
            parts += [f"{rate:,.0f}/s", f"{duration(left)} left"]
        elif self._share is not None:
            parts[0] += f" {self.unit} ({self._share:.0%})"
            pace = (self._share - self._share_before) / max(now - self._began, 1e-9)
            parts.append(f"{rate:,.0f}/s")
            parts += [f"{duration((1 - self._share) / pace)} left"] if pace > 0 else []
        else:
            parts[0] += f" {self.unit}"
            parts.append(f"{rate:,.0f}/s")
        return " · ".join([*parts, note] if note else parts)


def say(message: str) -> None:
    """Print one line of progress to stderr, where data never goes."""
    print(message, file=sys.stderr, flush=True)
    _log(message)


def _log(message: str) -> None:
    for log in _logs:
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {message}", file=log, flush=True)


@contextmanager
def also_log_to(path: Path) -> Iterator[None]:
    """Append every line said inside the block to a file too, with its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        _logs.append(log)
        try:
            yield
        finally:
            _logs.remove(log)


def duration(seconds: float) -> str:
    """Return seconds as people read them.

    >>> duration(3725)
    '1 h 2 min'
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def data_size(number: float) -> str:
    """Return bytes as people read them.

    >>> data_size(16.1e9), data_size(33e6), data_size(95_000)
    ('16.1 GB', '33 MB', '95 kB')
    """
    if number >= 1e8:
        return f"{number / 1e9:,.1f} GB"
    return f"{number / 1e6:,.0f} MB" if number >= 1e6 else f"{number / 1e3:,.0f} kB"
