"""Plain, gzip and Zstandard files read alike; a truncated one is an error that names the file."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from hanhua.errors import InputError


class _WholeFrames(io.RawIOBase):
    """Decompresses Zstandard frames and raises EOFError when the last one is cut short.

    `ZstdDecompressor.stream_reader` ends silently in the middle of a truncated frame; half a corpus
    would then pass for a whole one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._pending = b""
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        while not self._ready:
            chunk = self._pending or self._file.read(1 << 18)
            self._pending = b""
            if not chunk:
                if self._begun:
                    raise EOFError("the last Zstandard frame is cut short")
                return 0
            self._begun = True
            self._ready = self._frame.decompress(chunk)
            if self._frame.eof:
                self._pending = self._frame.unused_data
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                self._begun = False
        taken = self._ready[: len(buffer)]
        buffer[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)


@contextmanager
def open_decompressed(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, decompressing `.gz` and `.zst` by name.

    Raises InputError for a missing, unreadable, corrupt or truncated file, also while it is read
    inside the `with` block.
    """
    try:
        with path.open("rb") as raw, _noted(path, raw):
            if path.suffix == ".gz":
                with gzip.open(raw) as unpacked:
                    yield unpacked  # type: ignore[misc]
            elif path.suffix == ".zst":
                yield io.BufferedReader(_WholeFrames(raw), 1 << 20)
            else:
                yield raw
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except EOFError as error:
        raise InputError(f"{path}: truncated ({error}); download or copy it again") from error
    except (zstandard.ZstdError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: not a valid {path.suffix} file ({error})") from error
    except (PermissionError, IsADirectoryError) as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


_open: dict[Path, BinaryIO] = {}


@contextmanager
def _noted(path: Path, raw: BinaryIO) -> Iterator[None]:
    _open[path] = raw
    try:
        yield
    finally:
        _open.pop(path, None)


def position_in(path: Path) -> int:
    """Return how many bytes of a file that is being read were taken from the disk; 0 when it is not open."""
    raw = _open.get(path)
    return raw.tell() if raw is not None and not raw.closed else 0


def bare_suffix(path: Path) -> str:
    """Return the format suffix below the compression: `a.jsonl.zst` → `.jsonl`."""
    name = path.name
    for ending in (".gz", ".zst"):
        name = name.removesuffix(ending)
    return Path(name).suffix.lower()
