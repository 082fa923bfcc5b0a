"""Files made durable, here and where folders cannot be opened or linked."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hanhua.artifacts.files import fsync_file, fsync_folder, read_json, write_json
from hanhua.artifacts.store import link_or_copy


@contextmanager
def windows() -> Iterator[None]:
    """The system says it is Windows, opens no folder, and flushes no file that is open for reading alone."""
    really_open, really_fsync = os.open, os.fsync

    def open_file(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if os.path.isdir(path):  # noqa: PTH112  (a Path made now would be a Windows one)
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return really_open(path, flags, *more, **named)

    def fsync(handle: int) -> None:
        import fcntl

        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        really_fsync(handle)

    # Not for the length of a test: pytest makes paths of its own in between.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_file)
        patch.setattr(os, "fsync", fsync)
        patch.setattr(os, "name", "nt")
        yield


def test_windows_writes_durably_without_opening_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "汉化.json"
    with windows():
        fsync_folder(tmp_path)
        write_json(path, {"a": "汉"})
        fsync_file(path)
        with pytest.raises(PermissionError):
            os.open(tmp_path, os.O_RDONLY)
        with path.open("rb") as file, pytest.raises(OSError, match="Bad file descriptor"):
            os.fsync(file.fileno())
    assert read_json(path) == {"a": "汉"}


def test_a_folder_and_a_file_that_may_only_be_read_are_made_durable(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "a").chmod(0o444)
    fsync_file(tmp_path / "a")
    fsync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        fsync_folder(tmp_path / "none")


def test_a_disk_without_links_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Any, target: Any) -> None:
        raise OSError(errno.EPERM, "the file system has no hard links")

    (tmp_path / "a").write_bytes(b"x")
    link_or_copy(tmp_path / "a", tmp_path / "linked")
    assert (tmp_path / "linked").samefile(tmp_path / "a")
    monkeypatch.setattr(os, "link", no_links)
    link_or_copy(tmp_path / "a", tmp_path / "copied")
    assert (tmp_path / "copied").read_bytes() == b"x"
    assert not (tmp_path / "copied").samefile(tmp_path / "a")
