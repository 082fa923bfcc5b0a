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
DRAW_EVERY_SECONDS = 0.1

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
        self._bar = _Bar(name, total, done) if sys.stderr.isatty() else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()
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
        if now - self._shown < (DRAW_EVERY_SECONDS if self._bar else LINE_EVERY_SECONDS):
            return
        self._shown = now
        if self._bar:
            self._bar.draw(self.done, self._share, [self._count(), f"{self._rate(now):,.0f}/s"], note)
            if now - self._logged >= LINE_EVERY_SECONDS:  # for whoever watches the log from elsewhere
                self._logged = now
                _log(self._line(now, note))
        else:
            say(self._line(now, note))

    def _count(self) -> str:
        return f"{self.done:,}/{self.total:,} {self.unit}" if self.total else f"{self.done:,} {self.unit}"

    def _rate(self, now: float) -> float:
        return (self.done - self._done_before) / max(now - self._began, 1e-9)

    def _line(self, now: float, note: str) -> str:
        rate, share, left = self._rate(now), self._share, None
        if self.total:
            share = self.done / self.total
            left = (self.total - self.done) / rate if rate else 0.0
        elif share is not None:
            pace = (share - self._share_before) / max(now - self._began, 1e-9)
            left = (1 - share) / pace if pace > 0 else None
        percent = "" if share is None else f" ({share:.0%})"
        parts = [f"{self.name}: {self._count()}{percent}", f"{rate:,.0f}/s"]
        parts += [] if left is None else [f"{duration(left)} left"]
        return " · ".join([*parts, note] if note else parts)


class _Bar:
    """A line of `rich.progress` on stderr. It has no thread of its own: it is drawn when there is news."""

    def __init__(self, name: str, total: int | None, done: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._columns: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # data goes there
        )
        self._total = total
        self._task = self._columns.add_task(name, total=total or None, completed=done, count="", note="")
        self._drawn = False

    def draw(self, done: int, share: float | None, parts: list[str], note: str) -> None:
        """Show so much as done; share counts where there is no total."""
        if not self._drawn:
            self._drawn = True
            self._columns.start()
        by_share = not self._total and share is not None
        self._columns.update(
            self._task,
            total=1.0 if by_share else None,
            completed=share if by_share else done,
            count=" · ".join(parts),
            note=note,
            refresh=True,
        )

    def stop(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._columns.stop()


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
