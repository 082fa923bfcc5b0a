"""Hashes of big files, remembered: a file is hashed again only when its size, time or inode changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hanhua.artifacts.files import sha256_of, write_durably
from hanhua.artifacts.manifest import MANIFEST, Artifact
from hanhua.errors import InvariantError


class FileHashes:
    """sha256 by (path, size, mtime_ns, inode), kept in one JSON file that may be deleted at any time.

    keep: whether new ones are noted there; not by a process beside another that does.
    """

    def __init__(self, memory: Path, *, keep: bool = True) -> None:
        self._memory, self._keep = memory, keep
        try:
            self._known: dict[str, str] = json.loads(memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    @classmethod
    def forgetful(cls) -> FileHashes:
        """Return hashes that are kept nowhere, for a few small files."""
        return cls(Path(os.devnull), keep=False)

    def of(self, path: Path) -> str:
        """Return the sha256 (hex) of a file's bytes."""
        stat = path.stat()
        name = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"
        if name not in self._known:
            self._known[name] = sha256_of(path)
            self._save()
        return self._known[name]

    def check(self, artifact: Artifact) -> Artifact:
        """Raise InvariantError naming the first file of a finished artifact that is not as it was."""
        for entry in artifact.files:
            path = artifact.path / entry.path
            if not path.is_file():
                raise InvariantError(f"{path}: missing, though {MANIFEST} lists it; delete {artifact.path} to redo it")
            if path.stat().st_size != entry.size or self.of(path) != entry.sha256:
                raise InvariantError(
                    f"{path}: changed since it was finished (its hash does not match {MANIFEST}); "
                    f"delete {artifact.path} to redo it"
                )
        return artifact

    def _save(self) -> None:
        if not self._keep:
            return
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self._memory, json.dumps(self._known))
