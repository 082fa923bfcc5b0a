"""What an artifact is, and what is only remembered of how it was made.

*Identity* (the key): the settings that affect the output, the content of the inputs, the fingerprints of the services
passed in, and the stage's output version. *Record*: code and library versions. A record that differs is drift: it is
told, and decides nothing by itself, since most changes of code change no output. A change that does raises the
stage's output version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hanhua.artifacts.code_closure import PYTHON, changed_code, closure_hashes
from hanhua.artifacts.fingerprint import canonical, difference, fingerprint
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.manifest import library_versions
from hanhua.config_fields import key_config, paths_in, place_of, set_at

KEY_LENGTH = 12
MAX_MODULES_NAMED = 4


@dataclass(frozen=True)
class Record:
    """Code and libraries an artifact was made with. code: module or data file → hash; versions: by distribution."""

    code: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"code": dict(self.code), "versions": dict(self.versions)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """Return a record as `as_json` gave it; of an artifact that has none, an empty one."""
        code = data.get("code", {})
        return cls(code if isinstance(code, dict) else {}, data.get("versions", {}))

    def drift_to(self, now: Record) -> list[str]:
        """Return how this record differs from one of now, in a line each for code and for every library.

        A record without code (of an artifact made elsewhere, or by an earlier version), or of another version of
        Python, is compared by libraries alone.
        """
        lines = []
        if self.code and self.versions.get("python", PYTHON) == now.versions.get("python", PYTHON):
            changed = changed_code(dict(self.code), dict(now.code))
            more = f" and {len(changed) - MAX_MODULES_NAMED} more" if len(changed) > MAX_MODULES_NAMED else ""
            lines += [f"code: {', '.join(changed[:MAX_MODULES_NAMED])}{more}"] if changed else []
        for name, version in now.versions.items():
            if name in self.versions and self.versions[name] != version:
                lines.append(f"{name}: {self.versions[name]} → {version}")
        return lines


def record_of(function: str, libraries: tuple[str, ...]) -> Record:
    """Return the record of a function as it stands now.

    function: `module:name`; libraries: distributions whose versions count.
    """
    return Record(closure_hashes(function), {"python": PYTHON, **library_versions(libraries)})


@dataclass(frozen=True)
class Identity:
    """An artifact that is wanted: what stage and kind it is of, all that decides it, and what it would be made with."""

    stage: str
    kind: str
    material: Mapping[str, Any]
    record: Record = field(default_factory=Record)

    @property
    def key(self) -> str:
        """Return the name of its folder."""
        return fingerprint(self.material)[:KEY_LENGTH]

    def difference_from(self, material: Mapping[str, Any]) -> list[str]:
        """Return `field: theirs → ours` for every field in which another artifact's material differs."""
        return difference(canonical(dict(material)), canonical(dict(self.material)))


def config_material(config: BaseModel, hashes: FileHashes) -> dict[str, Any]:
    """Return the settings that affect the output, every file or folder among them by its content.

    A package's file is a file like any other. A path that is not here (a Hub repository) stays as it is named; a run
    pins it to a commit.
    """
    data = key_config(config)
    for at, value in paths_in(config):
        place = place_of(value)
        if place.exists():
            set_at(data, at, content_of(place, hashes))
    return data


def content_of(path: Path, hashes: FileHashes) -> list[str]:
    """Return `name sha256:…` for a file, or for every file below a folder."""
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [f"{file.name} sha256:{hashes.of(file)}" for file in inside if file.is_file()]
