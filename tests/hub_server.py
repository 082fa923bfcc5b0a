"""A Hub on this machine, over real HTTP, for tests of publishing: the part of its interface huggingface_hub uses.

Standard library only. It keeps repositories as lists of commits in memory, demands the token, answers like the
Hub (headers, error codes, LFS) and can be told to fail: see `Fault`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local_http import VerbHandler, served

LFS_FROM_BYTES = 100_000


@dataclass
class Fault:
    """The next `times` requests that match fail: with a status, or the connection is cut.

    how: a status; `cut` before anything is read, `half` when half of the body is, `lost` when all is done.
    """

    method: str
    path: str
    how: int | str
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""


@dataclass
class Repository:
    private: bool
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)

    def commit(self, files: dict[str, bytes]) -> str:
        names = "".join(f"{name} {hashlib.sha1(data).hexdigest()}\n" for name, data in sorted(files.items()))
        oid = hashlib.sha1(f"{len(self.commits)}\n{names}".encode()).hexdigest()
        self.commits.append((oid, files))
        return oid

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((commit for commit in self.commits if commit[0] == revision), None)


class HubServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, token: str, user: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.user = token, user
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.lock = threading.Lock()

    def next_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A cut connection is what some tests are about; it is no news."""


def is_large(name: str, size: int) -> bool:
    return name.endswith(".safetensors") or size >= LFS_FROM_BYTES


def git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Handler(VerbHandler):
    server: HubServer

    def answer(self, method: str) -> None:
        path = unquote(urlsplit(self.path).path)
        self.query = parse_qs(urlsplit(self.path).query)
        self.server.requests.append(f"{method} {path}")
        fault = self.server.next_fault(method, path)
        self.cut = False
        if fault is not None and fault.how in ("cut", "half"):
            if fault.how == "half":
                self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self._cut()
            return
        self.body = self._read_body()
        if fault is not None and isinstance(fault.how, int):
            self._error(fault.how, fault.message or "told to fail", headers=fault.headers)
            return
        self.cut = fault is not None
        for verb, pattern, action in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method in verb.split("|"):
                action(self, *found.groups())
                return
        self._error(404, f"no such endpoint: {method} {path}")

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        if self.cut:
            self._cut()
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(data).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _error(self, status: int, message: str, *, code: str = "", headers: dict[str, str] | None = None) -> None:
        extra = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **(headers or {})}
        self._json({"error": message}, status, extra)

    def _authorized(self) -> bool:
        given = self.headers.get("Authorization", "")
        if given == f"Bearer {self.server.token}":
            return True
        self._error(401, "Invalid credentials in Authorization header")
        return False

    def _repository(self, repo_id: str) -> Repository | None:
        repository = self.server.repositories.get(repo_id)
        if repository is not None and not repository.private:
            return repository
        if not self._authorized():
            return None
        if repository is None:
            self._error(404, "Repository not found", code="RepoNotFound")
        return repository

    def whoami(self) -> None:
        if self._authorized():
            self._json({"type": "user", "name": self.server.user, "auth": {"type": "access_token"}})

    def validate(self) -> None:
        text = json.loads(self.body)["content"]
        if text.startswith("---\n"):
            self._json({"errors": [], "warnings": []})
        else:
            self._json({"errors": [{"message": "no metadata"}], "warnings": []}, 400)

    def create(self) -> None:
        if not self._authorized():
            return
        asked = json.loads(self.body)
        owner = asked.get("organization") or self.server.user
        repo_id = f"{owner}/{asked['name']}"
        if owner != self.server.user:
            self._error(403, f"You don't have the rights to create a model under the namespace {owner}")
        elif repo_id in self.server.repositories:
            self._error(409, "You already created this model repo")
        else:
            repository = Repository(private=asked.get("visibility") == "private")
            repository.commit({".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
            self.server.repositories[repo_id] = repository
            self._json({"url": f"{self.server.url}/{repo_id}"})

    def settings(self, repo_id: str) -> None:
        repository = self._authorized() and self._repository(repo_id)
        if repository:
            repository.private = json.loads(self.body)["visibility"] == "private"
            self._json({"private": repository.private})

    def info(self, repo_id: str, revision: str | None = None) -> None:
        repository = self._repository(repo_id)
        if repository is None:
            return
        commit = repository.at(revision or "main")
        if commit is None:
            self._error(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
            return
        siblings = [{"rfilename": name} for name in sorted(commit[1])]
        self._json({"id": repo_id, "sha": commit[0], "private": repository.private, "siblings": siblings, "tags": []})

    def tree(self, repo_id: str, revision: str, folder: str | None = None) -> None:
        repository = self._repository(repo_id)
        if repository is None:
            return
        commit = repository.at(revision)
        if commit is None:
            self._error(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
            return
        inside = [name for name in sorted(commit[1]) if folder is None or name.startswith(folder + "/")]
        if folder is not None and not inside:
            self._error(404, f"{folder} does not exist on {revision}", code="EntryNotFound")
            return
        self._json([_tree_entry(name, commit[1][name]) for name in inside])

    def preupload(self, repo_id: str, revision: str) -> None:
        repository = self._authorized() and self._repository(repo_id)
        if not repository:
            return
        there = repository.commits[-1][1]
        answers = []
        for file in json.loads(self.body)["files"]:
            name, large = file["path"], is_large(file["path"], file["size"])
            oid = None
            if name in there:
                oid = hashlib.sha256(there[name]).hexdigest() if large else git_oid(there[name])
            mode = "lfs" if large else "regular"
            answers.append({"path": name, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._json({"files": answers})

    def batch(self, repo_id: str) -> None:
        if not self._authorized():
            return
        objects: list[dict[str, Any]] = []
        for wanted in json.loads(self.body)["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.server.large:
                answer["actions"] = {
                    "upload": {"href": f"{self.server.url}/lfs/{wanted['oid']}"},
                    "verify": {"href": f"{self.server.url}/lfs-verify"},
                }
            objects.append(answer)
        self._json({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            self._error(400, "the bytes are not those of this oid")
            return
        self.server.large[oid] = self.body
        self._json({})

    def verify(self) -> None:
        if self._authorized():
            asked = json.loads(self.body)
            good = len(self.server.large.get(asked["oid"], b"")) == asked["size"]
            self._json({}, 200 if good else 404)

    def commit(self, repo_id: str, revision: str) -> None:
        repository = self._authorized() and self._repository(repo_id)
        if not repository:
            return
        files = dict(repository.commits[-1][1])
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
            elif item["key"] == "deletedFile":
                del files[value["path"]]
        oid = repository.commit(files)
        self._json({"success": True, "commitOid": oid, "commitUrl": f"{self.server.url}/{repo_id}/commit/{oid}"})

    def resolve(self, repo_id: str, revision: str, name: str) -> None:
        repository = self._repository(repo_id)
        if repository is None:
            return
        commit = repository.at(revision)
        if commit is None or name not in commit[1]:
            code = "RevisionNotFound" if commit is None else "EntryNotFound"
            self._error(404, f"{name} is not there", code=code, headers={"X-Repo-Commit": commit[0] if commit else ""})
            return
        data = commit[1][name]
        headers = {"X-Repo-Commit": commit[0], "ETag": f'"{git_oid(data)}"', "Accept-Ranges": "bytes"}
        if is_large(name, len(data)):
            headers |= {"X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Linked-Size": str(len(data))}
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span is None:
            self._send(200, data, headers)
            return
        begin, end = int(span[1]), int(span[2] or len(data) - 1)
        headers["Content-Range"] = f"bytes {begin}-{end}/{len(data)}"
        self._send(206, data[begin : end + 1], headers)


def _tree_entry(name: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": git_oid(data)}
    if is_large(name, len(data)):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


_ID = r"([\w.-]+/[\w.-]+)"
_ROUTES = (
    ("GET", r"/api/whoami-v2", _Handler.whoami),
    ("POST", r"/api/validate-yaml", _Handler.validate),
    ("POST", r"/api/repos/create", _Handler.create),
    ("PUT", rf"/api/models/{_ID}/settings", _Handler.settings),
    ("GET", rf"/api/(?:models|datasets)/{_ID}", _Handler.info),
    ("GET", rf"/api/(?:models|datasets)/{_ID}/revision/([^/]+)", _Handler.info),
    ("GET", rf"/api/(?:models|datasets)/{_ID}/tree/([^/]+)", _Handler.tree),
    ("GET", rf"/api/(?:models|datasets)/{_ID}/tree/([^/]+)/(.+)", _Handler.tree),
    ("POST", rf"/api/models/{_ID}/preupload/([^/]+)", _Handler.preupload),
    ("POST", rf"/api/models/{_ID}/commit/([^/]+)", _Handler.commit),
    ("POST", rf"/{_ID}\.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", r"/lfs/([0-9a-f]{64})", _Handler.upload),
    ("POST", r"/lfs-verify", _Handler.verify),
    ("GET|HEAD", rf"(?:/datasets)?/{_ID}/resolve/([^/]+)/(.+)", _Handler.resolve),
)


@contextmanager
def hub_server(*, token: str, user: str = "tester") -> Iterator[HubServer]:
    """Serve until the block ends."""
    server = HubServer(token, user)
    with served(server):
        yield server
