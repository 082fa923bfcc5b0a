"""Finished parts of an evaluation on disk, so that a killed one resumes from there with the same scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.fingerprint import canonical, fingerprint

FORMAT = 1


class Parts:
    """A folder of responses, one file per (model content, measure, settings, input).

    The key holds the hash of the model's content, not its path: two checkpoints at one path in turn
    never answer for each other. (lm_eval's own response cache keys on the request alone.)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: Mapping[str, Any]) -> Any | None:
        """Return what was finished under this key, or None."""
        path = self._path(key)
        if not path.is_file():
            return None
        return read_json(path)["data"]

    def put(self, key: Mapping[str, Any], data: Any) -> None:
        """Keep a finished part durably; floats come back as they went in, to the last bit."""
        write_json(self._path(key), {"key": canonical(key), "data": data})

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self._folder / f"{fingerprint({'format': FORMAT, **key})[:32]}.json"


def sha256_of_texts(texts: Iterable[str]) -> str:
    """Return one hash for a sequence of texts, in order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()
