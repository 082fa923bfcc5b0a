"""Plain and compressed files and members of ZIP archives read alike; a truncated one is an error with its name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from hanhua.errors import InputError

COMPRESSIONS = (".gz", ".zst", ".xz", ".bz2")
_MAX_WINDOW_BYTES = 1 << 31
"""Of Zstandard: `zstd --long=31` uses as much. A window larger than 128 MB is refused unless it is asked for."""


class _WholeFrames(io.RawIOBase):
    """Decompresses Zstandard frames and raises EOFError when the last one is cut short.

    `ZstdDecompressor.stream_reader` ends silently in the middle of a truncated frame; half a corpus
    would then pass for a whole one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = self._new_frame()
        self._begun = False
        self._pending = b""
        self._ready = b""

    @staticmethod
    def _new_frame() -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()

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
                self._frame = self._new_frame()
                self._begun = False
        taken = self._ready[: len(buffer)]
        buffer[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)


@contextmanager
def open_decompressed(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, decompressing `.gz`, `.zst`, `.xz` and `.bz2` by name.

    `archive.zip/inner.jsonl` is the member of an archive. Raises InputError for a missing, unreadable, corrupt
    or truncated file, also while it is read inside the `with` block.
    """
    try:
        with _opened(path) as raw, _unpacked(path, raw) as unpacked:
            yield unpacked
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except EOFError as error:
        raise InputError(f"{path}: truncated ({error}); download or copy it again") from error
    except (zstandard.ZstdError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a valid {path.suffix} file ({error})") from error
    except (PermissionError, IsADirectoryError) as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except OSError as error:
        if path.suffix != ".bz2":
            raise
        raise InputError(f"{path}: not a valid .bz2 file ({error})") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or a member of the archive that one of the folders above it turns out to be."""
    archive = next((above for above in path.parents if above.suffix.lower() == ".zip" and above.is_file()), None)
    if archive is None:
        with path.open("rb") as raw, _noted(path, raw):
            yield raw
        return
    with archive.open("rb") as raw, _noted(archive, raw), zipfile.ZipFile(raw) as packed:
        try:
            member = packed.open(path.relative_to(archive).as_posix())
        except KeyError:
            raise FileNotFoundError(path) from None
        except RuntimeError as error:
            raise InputError(f"{path}: cannot be unpacked ({error}); unpack the archive first") from error
        with member:
            yield member  # type: ignore[misc]


@contextmanager
def _unpacked(path: Path, raw: BinaryIO) -> Iterator[BinaryIO]:
    if path.suffix == ".gz":
        with gzip.open(raw) as unpacked:
            yield unpacked  # type: ignore[misc]
    elif path.suffix == ".xz":
        with lzma.open(raw) as unpacked:
            yield unpacked  # type: ignore[misc]
    elif path.suffix == ".bz2":
        with bz2.open(raw) as unpacked:
            yield unpacked  # type: ignore[misc]
    elif path.suffix == ".zst":
        yield io.BufferedReader(_WholeFrames(raw), 1 << 20)
    else:
        yield raw


def members_of(archive: Path) -> list[Path]:
    """Return the files in a ZIP archive, sorted, each as a path below it; those that systems add are left out.

    Raises InputError for what is no archive.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            names = [one.filename for one in packed.infolist() if not one.is_dir()]
    except FileNotFoundError:
        raise InputError(f"{archive}: no such file") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{archive}: not a valid .zip file ({error})") from error
    kept = [name for name in names if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))]
    return [archive / name for name in sorted(kept)]


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
    for ending in COMPRESSIONS:
        name = name.removesuffix(ending)
    return Path(name).suffix.lower()
