"""Runs a finished run again from its lock file and compares what came out, artifact by artifact."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.manifest import Artifact
from hanhua.errors import InputError, UsageError
from hanhua.pipeline.lock_file import LIBRARIES, changed_texts, hardware, locked_recipe, read_lock
from hanhua.pipeline.runner import run
from hanhua.pipeline.stages import stage_names
from hanhua.pipeline.status import drift_of, latest_artifacts, open_latest

TOLERANCE = 0.02
"""Largest relative difference of a figure, or of weights as a whole, that counts as the same on other hardware."""


@dataclass(frozen=True)
class Compared:
    """One artifact of both runs. verdict: identical, within tolerance, or different; differences: file by file."""

    stage: str
    verdict: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reproduction:
    """Result of a second run. changes: what differs from the first run (hardware, versions)."""

    root: Path
    stages: tuple[Compared, ...]
    changes: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether all artifacts are identical bit for bit."""
        return all(stage.verdict == "identical" for stage in self.stages)

    @property
    def succeeded(self) -> bool:
        """Whether it is reproduced: bit for bit on the same hardware and versions, within tolerance otherwise."""
        if not self.changes:
            return self.identical
        return all(stage.verdict != "different" for stage in self.stages)


def reproduce(folder: Path, *, into: Path | None = None) -> Reproduction:
    """Run a run again, from its lock file, into a folder of its own, and compare.

    into: folder; by default NAME-reproduced, next to the run. Raises UsageError for a run that is not finished and
    InputError when its texts are gone or changed.
    """
    lock = read_lock(folder)
    before = open_latest(folder)
    unfinished = [stage for stage in lock["stages"] if stage not in before]
    if not before or unfinished:
        raise UsageError(
            f"{folder}: not finished ({', '.join(unfinished) or 'no stage'}); run its recipe to the end first"
        )
    into = into or folder.with_name(folder.name + "-reproduced")
    into.mkdir(parents=True, exist_ok=True)
    wrong = changed_texts(lock, FileHashes(into / "hashes.json"))
    if wrong:
        raise InputError("cannot be reproduced, its texts have changed:\n  " + "\n  ".join(wrong))
    result = run(locked_recipe(folder), runs=into, until=_last(before), strict=True)
    compared = tuple(compare_artifacts(stage, before[stage], result.artifacts[stage]) for stage in before)
    return Reproduction(result.root, compared, (*changes_since(lock), *changed_code(folder)))


def _last(artifacts: Mapping[str, Artifact]) -> str:
    return [stage for stage in stage_names() if stage in artifacts][-1]


def changes_since(lock: Mapping[str, Any]) -> Iterator[str]:
    """Yield what on this machine has changed since the lock file was written."""
    from hanhua.artifacts.manifest import library_versions

    now = hardware()
    for key, value in lock["hardware"].items():
        if now.get(key) != value:
            yield f"{key}: {value} → {now.get(key)}"
    versions = library_versions(LIBRARIES)
    for name, value in lock["versions"].items():
        if name in versions and versions[name] != value:
            yield f"{name}: {value} → {versions[name]}"


def changed_code(run: Path) -> Iterator[str]:
    """Yield, by stage, how code differs from that a run's artifacts were made with."""
    for stage, folder in latest_artifacts(run).items():
        yield from (f"{stage}: {line}" for line in drift_of(run, stage, folder) if line.startswith("code: "))


def compare_artifacts(stage: str, before: Artifact, after: Artifact) -> Compared:
    """Return whether two artifacts hold the same, to the bit or within tolerance, and where they do not."""
    if before.content_hash == after.content_hash:
        return Compared(stage, "identical")
    old, new = ({entry.path: entry.sha256 for entry in artifact.files} for artifact in (before, after))
    lines, close = [], True
    for name in sorted({*old, *new}):
        if old.get(name) == new.get(name):
            continue
        if name not in old or name not in new:
            lines.append(f"{name}: only in the {'second' if name not in old else 'first'}")
            close = False
            continue
        apart = distance(before.path / name, after.path / name)
        lines.append(f"{name}: " + ("its bytes differ" if apart is None else f"differs by {apart:.2g} (relative)"))
        close = close and apart is not None and apart <= TOLERANCE
    return Compared(stage, "within tolerance" if close else "different", tuple(lines))


def distance(first: Path, second: Path) -> float | None:
    """Return how far two files of figures are apart, relatively; None where that means nothing.

    Weights: the norm of the difference over the norm of the first. JSON: the largest difference of two numbers in
    the same place over the larger of them.
    """
    if first.suffix == ".safetensors":
        return _weights_apart(first, second)
    if first.suffix == ".json":
        pairs = list(_number_pairs(json.loads(first.read_bytes()), json.loads(second.read_bytes())))
        if None in pairs:
            return None
        return max((abs(a - b) / max(abs(a), abs(b), 1e-9) for a, b in (p for p in pairs if p)), default=0.0)
    return None


def _weights_apart(first: Path, second: Path) -> float | None:
    from safetensors import safe_open

    apart = total = 0.0
    with safe_open(first, "pt") as old, safe_open(second, "pt") as new:
        if set(old.keys()) != set(new.keys()):
            return None
        for name in old.keys():  # noqa: SIM118 (no mapping)
            a, b = old.get_tensor(name).double(), new.get_tensor(name).double()
            if a.shape != b.shape:
                return None
            apart += float(((a - b) ** 2).sum())
            total += float((a**2).sum())
    return math.sqrt(apart / total) if total else math.sqrt(apart)


def _number_pairs(first: Any, second: Any) -> Iterator[tuple[float, float] | None]:
    """Yield the numbers in the same places; None where the two are not of one form."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        for key in first:
            yield from _number_pairs(first[key], second[key])
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for one, other in zip(first, second, strict=True):
            yield from _number_pairs(one, other)
    elif isinstance(first, (int, float)) and isinstance(second, (int, float)):
        yield float(first), float(second)
    elif first != second:
        yield None
