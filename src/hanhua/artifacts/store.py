"""A run's folder: `runs/NAME/STAGE/KEY12/`, unfinished work in `KEY12.partial`.

A key is the fingerprint of all that decides what a stage makes. A finished folder is never written
again; an unfinished one is handed back to its stage, which may go on from what is in `work/`.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import fsync_folder, write_json
from hanhua.artifacts.fingerprint import canonical, difference, fingerprint
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.kinds import KIND_OF_STAGE, Stage
from hanhua.artifacts.manifest import MANIFEST, Artifact, open_artifact, write_manifest
from hanhua.errors import HanhuaError, UsageError
from hanhua.progress import also_log_to

KEY_LENGTH = 12


class Store:
    """The finished and unfinished artifacts of one run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hashes = FileHashes(root / "hashes.json")

    def folder(self, stage: Stage, material: Mapping[str, Any]) -> Path:
        """Return where the artifact with this key material is, or will be."""
        return self.root / stage / fingerprint(material)[:KEY_LENGTH]

    def partial(self, stage: Stage, material: Mapping[str, Any]) -> Path:
        """Return where unfinished work for this key is, or will be."""
        folder = self.folder(stage, material)
        return folder.with_name(folder.name + ".partial")

    def find(self, stage: Stage, material: Mapping[str, Any]) -> Artifact | None:
        """Return the finished artifact of this key, checked by hash; None when it is yet to be made."""
        folder = self.folder(stage, material)
        if not (folder / MANIFEST).is_file():
            return None
        return self.hashes.check(open_artifact(folder, kind=KIND_OF_STAGE[stage]))

    def make(
        self,
        stage: Stage,
        *,
        material: Mapping[str, Any],
        config: Any,
        inputs: Mapping[str, str],
        versions: Mapping[str, str],
        build: Callable[[Path], Mapping[str, Any]],
    ) -> Artifact:
        """Let `build` fill a folder, then finish it: manifest last, rename, fsync."""
        done, partial = self.folder(stage, material), self.partial(stage, material)
        partial.mkdir(parents=True, exist_ok=True)
        began = time.time()
        with also_log_to(partial / "logs" / "stage.log"):
            facts = build(partial)
        shutil.rmtree(partial / "work", ignore_errors=True)
        write_json(partial / "logs" / "stage.json", _costs(began))
        write_manifest(
            partial,
            kind=KIND_OF_STAGE[stage],
            config=config,
            inputs=inputs,
            facts=facts,
            versions=versions,
            key=material,
        )
        if done.exists():
            # No manifest there, or `find` had returned it: a folder somebody emptied by hand.
            shutil.rmtree(done)
        partial.rename(done)
        fsync_folder(done.parent)
        return open_artifact(done)

    def is_begun(self, stage: Stage, material: Mapping[str, Any]) -> bool:
        """Return whether there is unfinished work for this key."""
        return self.partial(stage, material).is_dir()

    def drift(self, stage: Stage, material: Mapping[str, Any]) -> list[str]:
        """Return `field: old → new` against the newest finished artifact of the stage; [] when there is none."""
        manifests = sorted((self.root / stage).glob(f"*/{MANIFEST}"), key=lambda path: path.stat().st_mtime_ns)
        for path in reversed(manifests):
            if path.parent.suffix != ".partial":
                old = json.loads(path.read_text(encoding="utf-8")).get("key", {})
                return difference(old, canonical(dict(material)))
        return []

    @contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[None]:
        """Hold the run's folder; when another process holds it, raise UsageError, or wait for it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(f"{self.root}: another run is at work in this folder; wait, or use --runs") from None
            yield


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


def _costs(began: float) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(began)),
        "seconds": round(time.time() - began, 2),
        "peak_memory_bytes": peak * (1 if sys.platform == "darwin" else 1024),
    }
