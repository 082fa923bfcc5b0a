"""Files that take long to make and depend on little, in the user's cache: named by all they depend on, and few kept.

Anybody may delete them at any time; one that cannot be written costs time and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import mkstemp
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.fingerprint import fingerprint

DAMAGED = (OSError, EOFError, ValueError, KeyError, BadZipFile)
"""What reading a file raises that is not there, is empty, was cut or holds something else."""


def cached_file(kind: str, decides: Any, *, suffix: str) -> Path:
    """Return where a file lies, whether it is there or not.

    kind: of file, a folder of the cache. decides: plain data with all that its content depends on.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "hanhua" / kind / f"{fingerprint(decides)[:32]}{suffix}"


def keep_file(place: Path, write: Callable[[BinaryIO], object], *, most: int) -> None:
    """Write a file whole or not at all, and remove the oldest of its kind beyond `most`."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        number, aside = mkstemp(dir=place.parent, suffix=place.suffix)
        with os.fdopen(number, "wb") as out:
            write(out)
        Path(aside).replace(place)
        by_age = sorted(place.parent.glob(f"*{place.suffix}"), key=lambda file: file.stat().st_mtime_ns)
        for old in by_age[:-most]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def read_arrays(place: Path) -> dict[str, npt.NDArray[Any]] | None:
    """Return what `numpy.savez` wrote there; None where the file is missing or damaged.

    It is then among the last to be removed.
    """
    try:
        with place.open("rb") as raw, np.load(raw, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        # Unlike `touch` this makes no empty file where another process has just removed the old one.
        os.utime(place)
    except DAMAGED:
        return None
    return arrays
