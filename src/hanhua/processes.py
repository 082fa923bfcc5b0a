"""Maps a function over items in several processes, in order, with a few items in flight."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from hanhua.errors import HanhuaError

MAX_WORKERS = 8
SMALL_BYTES = 8_000_000
_AHEAD = 3

Kept = TypeVar("Kept")
Sent = TypeVar("Sent")
State = TypeVar("State")
Result = TypeVar("Result")


def choose_workers(wanted: int | None, *, input_bytes: int) -> int:
    """Return the number of processes: as given, else one per core up to 8, and one for small inputs."""
    if wanted is not None:
        return wanted
    return 1 if input_bytes < SMALL_BYTES else min(os.cpu_count() or 1, MAX_WORKERS)


def map_in_order(
    function: Callable[[State, Sent], Result],
    items: Iterable[tuple[Kept, Sent]],
    *,
    prepare: Callable[..., State],
    arguments: tuple[Any, ...],
    workers: int,
    name: str,
) -> Iterator[tuple[Kept, Result]]:
    """Yield (kept, function(prepare(*arguments), sent)) for each (kept, sent), in the order of the items.

    prepare is called once per process, and its result stays there; with one worker everything happens in this
    process. function and prepare are named functions of a module. A worker that dies raises HanhuaError.
    """
    if workers == 1:
        state = prepare(*arguments)
        for kept, sent in items:
            yield kept, function(state, sent)
        return
    # `spawn`: the same everywhere, and no copy of a parent that has threads. The window keeps memory bounded.
    waiting: deque[tuple[Kept, Future[Result]]] = deque()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare, initargs=(prepare, arguments)) as pool:
        try:
            for kept, sent in items:
                waiting.append((kept, pool.submit(_call, function, sent)))
                if len(waiting) > workers * _AHEAD:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        except BrokenProcessPool as error:
            raise HanhuaError(
                f"a worker of {name} was killed (out of memory?); try fewer workers. A script of your own is "
                'imported by each worker: what it does must stand below `if __name__ == "__main__":`'
            ) from error
        finally:
            for _, future in waiting:
                future.cancel()


_state: list[Any] = []


def _prepare(prepare: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One process per core is enough; threads inside each would only compete for the cores.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["RAYON_NUM_THREADS"] = "1"
    _state[:] = [prepare(*arguments)]


def _call(function: Callable[[Any, Any], Any], sent: Any) -> Any:
    return function(_state[0], sent)


def peak_memory_bytes() -> int | None:
    """Return the most memory this process has held so far; None where the system does not say (Windows)."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)
