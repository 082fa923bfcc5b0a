"""A run's folder: `runs/NAME/STAGE/KEY12/`, unfinished work in `KEY12.partial`.

A key is the fingerprint of all that decides what a stage makes (`hanhua.artifacts.identity`). A finished folder is
never written again; an unfinished one is handed back to its stage, which may go on from what is in `work/`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hanhua.artifacts.earlier_formats import as_today, config_as_today, earlier_names, facts_as_today
from hanhua.artifacts.files import fsync_folder, read_json, write_json
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.identity import Identity, Record
from hanhua.artifacts.manifest import MANIFEST, Artifact, open_artifact, write_manifest
from hanhua.errors import HanhuaError, UsageError
from hanhua.processes import peak_memory_bytes
from hanhua.progress import also_log_to, say

BEGUN = "key.json"
"""In an unfinished folder: what it is to become, and since when."""
PARTIAL = ".partial"
REPLACED = ".replaced"
"""End of the name of an artifact that was made again with other code, and kept."""


@dataclass(frozen=True)
class Unfinished:
    """An unfinished folder that cannot be taken up. differences: `field: theirs → ours`; none known for an old one."""

    path: Path
    differences: tuple[str, ...]


class Store:
    """The finished and unfinished artifacts of one run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hashes = FileHashes(root / "hashes.json")

    def folder(self, wanted: Identity) -> Path:
        """Return where the artifact of this identity is, or will be."""
        return self.root / wanted.stage / wanted.key

    def partial(self, wanted: Identity) -> Path:
        """Return where unfinished work for this identity is, or will be."""
        folder = self.folder(wanted)
        return folder.with_name(folder.name + PARTIAL)

    def find(self, wanted: Identity, *, take_in: bool = True) -> Artifact | None:
        """Return the finished artifact of this identity, checked by hash; None when it is yet to be made.

        One that an earlier version of Hanhua filed under another key is found too, since its content is what counts.
        take_in: move it to where it belongs now; whoever only looks leaves it where it is.
        """
        folder = self.folder(wanted)
        if not (folder / MANIFEST).is_file():
            folder = self._filed_otherwise(wanted, take_in=take_in) or folder
        if not (folder / MANIFEST).is_file():
            return None
        return self.hashes.check(open_artifact(folder, kind=wanted.kind))

    def record(self, artifact: Artifact) -> Record:
        """Return the code and versions a finished artifact was made with."""
        manifest = read_json(artifact.path / MANIFEST)
        return Record.from_json(manifest.get("record", {"versions": manifest.get("versions", {})}))

    def make(
        self,
        wanted: Identity,
        *,
        config: Any,
        inputs: Mapping[str, str],
        build: Callable[[Path], Mapping[str, Any]],
    ) -> Artifact:
        """Let `build` fill a folder, then finish it: manifest last, rename, fsync."""
        done, partial = self.folder(wanted), self.partial(wanted)
        begin(partial, wanted)
        began = time.time()
        with also_log_to(partial / "logs" / "stage.log"):
            facts = build(partial)
        (partial / BEGUN).unlink()
        write_json(partial / "logs" / "stage.json", _costs(began))
        finish_artifact(
            partial,
            kind=wanted.kind,
            config=config,
            inputs=inputs,
            facts=facts,
            key=wanted.material,
            record=wanted.record,
        )
        if (done / MANIFEST).is_file():
            done.rename(_free_name(done, REPLACED))
        elif done.exists():
            shutil.rmtree(done)  # a folder somebody emptied by hand
        partial.rename(done)
        fsync_folder(done.parent)
        return open_artifact(done)

    def is_begun(self, wanted: Identity) -> bool:
        """Return whether there is unfinished work for this identity."""
        return self.partial(wanted).is_dir()

    def begun_with(self, wanted: Identity) -> Record:
        """Return the code and versions that the unfinished work for this identity was begun with."""
        begun = self.partial(wanted) / BEGUN
        return Record.from_json(read_json(begun)["record"]) if begun.is_file() else Record()

    def set_aside(self, wanted: Identity) -> None:
        """Put unfinished work out of the way, so that it is begun anew; nothing is deleted."""
        partial = self.partial(wanted)
        if partial.is_dir():
            partial.rename(_free_name(partial.with_suffix(""), REPLACED, PARTIAL))

    def why_not_there(self, wanted: Identity) -> list[str]:
        """Return `field: old → new` against the newest finished artifact of the stage; [] when there is none."""
        manifests = (self.root / wanted.stage).glob(f"*/{MANIFEST}")
        finished = [path for path in manifests if PARTIAL not in path.parent.name and REPLACED not in path.parent.name]
        for path in sorted(finished, key=lambda path: path.stat().st_mtime_ns, reverse=True)[:1]:
            return wanted.difference_from(as_today(read_json(path).get("key", {}), wanted.material))
        return []

    def unfinished_beside(self, wanted: Identity) -> list[Unfinished]:
        """Return the unfinished folders of the stage that are of another identity, with what differs."""
        found = []
        for path in sorted((self.root / wanted.stage).glob(f"*{PARTIAL}")):
            if path == self.partial(wanted) or REPLACED in path.name:
                continue
            begun = path / BEGUN
            differences = wanted.difference_from(read_json(begun)["material"]) if begun.is_file() else []
            found.append(Unfinished(path, tuple(differences)))
        return found

    @contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[None]:
        """Hold the run's folder; when another process holds it, raise UsageError, or wait for it."""
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            with run_lock(self.root).acquire(timeout=-1 if wait else 0):
                yield
        except Timeout:
            raise UsageError(f"{self.root}: another run is at work in this folder; wait, or use --runs") from None

    def _filed_otherwise(self, wanted: Identity, *, take_in: bool) -> Path | None:
        """Return the folder of a finished artifact that is the wanted one under an earlier key."""
        for stage in earlier_names(wanted.stage):
            for path in sorted((self.root / stage).glob(f"*/{MANIFEST}")):
                if path.parent.suffix == PARTIAL:
                    continue
                manifest = read_json(path)
                if manifest.get("record") is not None or manifest.get("kind") != wanted.kind:
                    continue
                if wanted.difference_from(as_today(manifest["key"], wanted.material)):
                    continue
                return self._take_in(path.parent, manifest, wanted) if take_in else path.parent
        return None

    def _take_in(self, folder: Path, manifest: dict[str, Any], wanted: Identity) -> Path:
        target = self.folder(wanted)
        target.parent.mkdir(parents=True, exist_ok=True)
        say(f"{wanted.stage}: {folder} was finished by an earlier version of Hanhua; it is taken in as {target.name}")
        today = {
            "facts": facts_as_today(manifest["facts"]),
            "config": config_as_today(wanted.stage, manifest["config"]),
            "key": dict(wanted.material),
            "record": {"versions": manifest["versions"]},
        }
        write_json(folder / MANIFEST, {**manifest, **today})
        folder.rename(target)
        fsync_folder(target.parent)
        return target


def run_lock(root: Path) -> FileLock:
    """Return the lock of a run's folder."""
    return FileLock(root / ".lock")


def begin(partial: Path, wanted: Identity) -> None:
    """Make an unfinished folder and note what it is to become; what it was begun with stays noted."""
    partial.mkdir(parents=True, exist_ok=True)
    if not (partial / BEGUN).is_file():
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        data = {"begun": now, "stage": wanted.stage, "material": wanted.material, "record": wanted.record.as_json()}
        write_json(partial / BEGUN, data)


def finish_artifact(
    folder: Path,
    *,
    kind: str,
    config: Any,
    inputs: Mapping[str, str],
    facts: Mapping[str, Any],
    record: Record,
    key: Mapping[str, Any] | None = None,
) -> Artifact:
    """Finish a folder that a stage has filled: its scratch goes, its manifest is written last."""
    shutil.rmtree(folder / "work", ignore_errors=True)
    return write_manifest(
        folder, kind=kind, config=config, inputs=inputs, facts=facts, key=key, record=record.as_json()
    )


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file of the run store in a second place of it, without a second copy where the disk allows."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def check_free_space(folder: Path, needed_bytes: int) -> None:
    """Raise HanhuaError before work that cannot fit on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise HanhuaError(
            f"{folder}: {needed_bytes / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free; "
            "free some space, or put the run elsewhere with --runs"
        )


def _free_name(folder: Path, ending: str, suffix: str = "") -> Path:
    number = 1
    while (name := folder.with_name(f"{folder.name}{ending}{number}{suffix}")).exists():
        number += 1
    return name


def _costs(began: float) -> dict[str, Any]:
    return {
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(began)),
        "seconds": round(time.time() - began, 2),
        "peak_memory_bytes": peak_memory_bytes(),
    }
