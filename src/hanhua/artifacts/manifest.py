"""A finished artifact: a folder whose `manifest.json` was written last.

Content hash = sha256 over the sorted `path size sha256` lines of the files, without the manifest and
without `logs/`, so that two folders with the same content have the same hash wherever they were made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import files_below, fsync_file, read_json, sha256_of, write_json
from hanhua.artifacts.fingerprint import canonical
from hanhua.errors import InputError, InvariantError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
UNHASHED = ("logs", "work")


@dataclass(frozen=True)
class FileEntry:
    """One file of an artifact: its POSIX path below the folder, size in bytes, sha256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Artifact:
    """A finished folder. `path` may point at a part of one (see `part`)."""

    path: Path
    kind: str
    content_hash: str
    files: tuple[FileEntry, ...]
    facts: Mapping[str, Any]
    config: Mapping[str, Any]

    def part(self, name: str) -> Artifact:
        """Return a subfolder (`model`, `adapter`) as an artifact of its own, with its own hash."""
        prefix = name + "/"
        inside = tuple(replace(e, path=e.path[len(prefix) :]) for e in self.files if e.path.startswith(prefix))
        if not inside:
            raise InputError(f"{self.path}: this {self.kind} artifact has no part {name!r}")
        return replace(self, path=self.path / name, files=inside, content_hash=content_hash(inside))


def content_hash(entries: tuple[FileEntry, ...]) -> str:
    """Return the hash of a set of files by path, size and content."""
    lines = sorted(f"{e.path} {e.size} {e.sha256}\n" for e in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def hash_files(folder: Path) -> tuple[FileEntry, ...]:
    """Return an entry for every file of an artifact's folder, making each durable on the way."""
    entries = []
    for path in files_below(folder):
        name = path.relative_to(folder).as_posix()
        if name == MANIFEST or name.split("/")[0] in UNHASHED:
            continue
        fsync_file(path)
        entries.append(FileEntry(name, path.stat().st_size, sha256_of(path)))
    return tuple(entries)


def library_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Return installed versions by distribution name; `absent` for what is not installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def write_manifest(
    folder: Path,
    *,
    kind: str,
    config: Any,
    inputs: Mapping[str, str],
    facts: Mapping[str, Any],
    key: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
) -> Artifact:
    """Finish an artifact: hash its files, then write the manifest that says it is done.

    inputs: content hash by name. key: all that decided the artifact's key, kept to explain why another is made.
    record: code and versions it was made with (`Record.as_json`), which decide nothing.
    """
    entries = hash_files(folder)
    manifest = {
        "kind": kind,
        "format_version": FORMAT_VERSION,
        "content_hash": content_hash(entries),
        "config": canonical(config),
        "inputs": dict(inputs),
        "facts": canonical(dict(facts), "facts"),
        "key": canonical(dict(key or {}), "key"),
        "record": canonical(dict(record or {}), "record"),
        "files": [vars(entry) for entry in entries],
    }
    write_json(folder / MANIFEST, manifest)
    return open_artifact(folder)


def open_artifact(folder: Path, *, kind: str | None = None) -> Artifact:
    """Open a finished artifact without reading its files (`check` does that).

    Raises InputError when there is no manifest, or the artifact is of another kind or format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder}: no {MANIFEST}, so this is not a finished artifact")
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path}: not a manifest of format {FORMAT_VERSION}")
    if kind is not None and data["kind"] != kind:
        raise InputError(f"{folder}: a {data['kind']} artifact, where a {kind} was expected")
    entries = tuple(FileEntry(**entry) for entry in data["files"])
    if content_hash(entries) != data["content_hash"]:
        raise InvariantError(f"{path}: edited by hand (its content hash does not match its own file list)")
    return Artifact(folder, data["kind"], data["content_hash"], entries, data["facts"], data["config"])
