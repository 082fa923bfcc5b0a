"""Runs `hanhua publish` in a process of its own against a Hub on this machine."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_server import HubServer

from hanhua.artifacts.manifest import Artifact

TOKEN = "hf_thisIsTheSecretOfTheTests"
REPO = "tester/Llama-3-tiny"


def published(artifact: Artifact) -> dict[str, str]:
    """Return the sha256 of every file that a release sends."""
    return {entry.path: entry.sha256 for entry in artifact.files}


def on(hub: HubServer, repo_id: str = REPO) -> dict[str, str]:
    """Return the sha256 of every file in a repository's newest commit."""
    _, files = hub.repositories[repo_id].commits[-1]
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != ".gitattributes"}


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Publisher:
    """Runs commands against one Hub; every output is searched for the token."""

    def __init__(self, process: subprocess.Popen[str], hub: HubServer) -> None:
        self._process, self.hub = process, hub

    def __call__(self, *args: str | Path, token: str | None = TOKEN) -> Answer:
        env = {} if token is None else {"HF_TOKEN": token}
        return self._ask({"args": [str(arg) for arg in args], "env": env}, secret=token)

    def load(self, repo_id: str, revision: str, *, kind: str = "model") -> Any:
        request = {"load": repo_id, "revision": revision, "kind": kind, "env": {"HF_TOKEN": TOKEN}}
        return self._ask(request, secret=TOKEN).data

    def _ask(self, request: dict[str, Any], *, secret: str | None) -> Answer:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = Answer(**json.loads(self._process.stdout.readline()))
        assert secret is None or secret not in answer.out + answer.err
        assert "Traceback" not in answer.err
        return answer
