"""A ModelScope on this machine, over real HTTP, for tests: the calls that the real client makes, and their answers.

Standard library only. What it answers was found by running the client (modelscope 1.40, modelscope-hub 0.5) against it
and recording each request: see `test_model_scope.py`, which holds the recorded list.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local_http import VerbHandler, served

_SEGMENTS = {"models": "model", "datasets": "dataset"}


@dataclass
class MsFault:
    """The next `times` requests that match fail with a status, or (`cut`) with the connection closed."""

    method: str
    path: str
    how: int | str
    times: int = 1


@dataclass
class MsRepository:
    """One repository: its commits, oldest first, each a whole tree of files."""

    private: bool = False
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)

    def commit(self, files: dict[str, bytes]) -> str:
        names = "".join(f"{name} {hashlib.sha1(data).hexdigest()}\n" for name, data in sorted(files.items()))
        oid = hashlib.sha1(f"{len(self.commits)}\n{names}".encode()).hexdigest()
        self.commits.append((oid, files))
        return oid

    def at(self, revision: str) -> int | None:
        if revision == "master":
            return len(self.commits) - 1 if self.commits else None
        return next((number for number, (oid, _) in enumerate(self.commits) if oid == revision), None)

    def entries(self, number: int) -> list[dict[str, Any]]:
        """Return the files of a commit as ModelScope lists them, each with the commit that changed it last."""
        found = []
        for path, data in sorted(self.commits[number][1].items()):
            last = next(n for n in range(number, -1, -1) if n == 0 or self.commits[n - 1][1].get(path) != data)
            found.append(
                {
                    "Path": path,
                    "Name": path.rpartition("/")[2],
                    "Type": "blob",
                    "Size": len(data),
                    "Sha256": hashlib.sha256(data).hexdigest(),
                    "Revision": self.commits[last][0],
                    "CommittedDate": 1_700_000_000 + last,
                    "IsLFS": len(data) > 100_000,
                }
            )
        return found


class ModelScopeServer(ThreadingHTTPServer):
    """Repositories by (kind, id), blobs by sha256, faults to come, and every request there was."""

    daemon_threads = True

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token = token
        self.repositories: dict[tuple[str, str], MsRepository] = {}
        self.blobs: dict[str, bytes] = {}
        self.faults: list[MsFault] = []
        self.requests: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def modelscope_server(*, token: str = "ms-token") -> Iterator[ModelScopeServer]:
    server = ModelScopeServer(token)
    with served(server):
        yield server


class _Handler(VerbHandler):
    server: ModelScopeServer

    def answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.requests.append(f"{method} {parts.path} {','.join(sorted(query))}".strip())
            fault = next((f for f in self.server.faults if f.method == method and re.search(f.path, self.path)), None)
            if fault is not None:
                fault.times -= 1
                if not fault.times:
                    self.server.faults.remove(fault)
        if fault is not None:
            return self._fail(fault)
        path = unquote(parts.path)
        for pattern, answer in (
            (r"/openapi/v1/(models|datasets)/([^/]+/[^/]+)", self._openapi),
            (r"/api/v1/(models|datasets)/([^/]+/[^/]+)", self._info),
            (r"/api/v1/(models|datasets)", self._create),
            (r"/api/v1/(models)/([^/]+/[^/]+)/repo/files", self._files),
            (r"/api/v1/(datasets)/([^/]+/[^/]+)/repo/tree", self._files),
            (r"/api/v1/(models|datasets)/([^/]+/[^/]+)/repo", self._file),
            (r"/api/v1/repos/(models|datasets)/([^/]+/[^/]+)/info/lfs/objects/batch", self._batch),
            (r"/api/v1/repos/(models|datasets)/([^/]+/[^/]+)/commit/(.+)", self._commit),
            (r"/blob/([0-9a-f]{64})", self._blob),
        ):
            match = re.fullmatch(pattern, path)
            if match is not None:
                with self.server.lock:
                    return answer(match.groups(), query, body)
        self._send(404, {"Code": 404, "Message": f"no such call: {method} {path}", "Success": False})
        return None

    # answers

    def _openapi(self, groups: Any, query: dict[str, str], body: bytes) -> None:
        repository = self._repository(groups)
        if repository is not None:
            owner, _, name = groups[1].partition("/")
            data = {"id": groups[1], "owner": owner, "name": name, "private": repository.private}
            self._send(200, {"success": True, "data": data})

    def _info(self, groups: Any, query: dict[str, str], body: bytes) -> None:
        repository = self._repository(groups)
        if repository is not None:
            self._data({"Path": groups[1].partition("/")[0], "Visibility": 1 if repository.private else 5})

    def _create(self, groups: Any, query: dict[str, str], body: bytes) -> None:
        if not self._authorized():
            return self._send(401, {"Code": 401, "Message": "please login", "Success": False})
        asked = json.loads(body)
        key = (_SEGMENTS[groups[0]], f"{asked['Path']}/{asked['Name']}")
        if key in self.server.repositories:
            return self._send(400, {"Code": 400, "Message": "repo already exists", "Success": False})
        repository = self.server.repositories[key] = MsRepository(private=asked["Visibility"] == 1)
        repository.commit({".gitattributes": b"*.safetensors filter=lfs\n", "README.md": b"---\n---\n"})
        self._data({"Path": asked["Path"], "Name": asked["Name"], "Visibility": asked["Visibility"]})
        return None

    def _files(self, groups: Any, query: dict[str, str], body: bytes) -> None:
        repository = self._repository(groups)
        if repository is None:
            return None
        number = repository.at(query.get("Revision", "master"))
        if number is None:
            return self._send(404, {"Code": 10010205001, "Message": "revision not found", "Success": False})
        entries = repository.entries(number)
        root = query.get("Root", "").strip("/")
        entries = [one for one in entries if not root or one["Path"].startswith(f"{root}/")]
        if "PageSize" in query:
            size, page = int(query["PageSize"]), int(query["PageNumber"])
            entries = entries[(page - 1) * size : page * size]
        self._data({"Files": entries, "TotalCount": len(entries)})
        return None

    def _file(self, groups: Any, query: dict[str, str], body: bytes) -> None:
        repository = self._repository(groups)
        if repository is None:
            return None
        number = repository.at(query.get("Revision", "master"))
        data = None if number is None else repository.commits[number][1].get(query.get("FilePath", ""))
        if data is None:
            return self._send(404, {"Code": 404, "Message": "file not found", "Success": False})
        self._bytes(data)
        return None

    def _batch(self, groups: Any, query: dict[str, str], body: bytes) -> None:
        if not self._authorized():
            return self._send(401, {"Code": 401, "Message": "please login", "Success": False})
        objects = []
        for one in json.loads(body)["objects"]:
            there = one["oid"] in self.server.blobs
            href = f"{self.server.url}/blob/{one['oid']}"
            objects.append({**one, "actions": {} if there else {"upload": {"href": href}}})
        self._data({"objects": objects})
        return None

    def _blob(self, groups: Any, query: dict[str, str], body: bytes) -> None:
        if hashlib.sha256(body).hexdigest() != groups[0]:
            return self._send(400, {"Code": 400, "Message": "sha256 mismatch", "Success": False})
        self.server.blobs[groups[0]] = body
        self._send(200, {"Code": 200, "Success": True})
        return None

    def _commit(self, groups: Any, query: dict[str, str], body: bytes) -> None:
        if not self._authorized():
            return self._send(401, {"Code": 401, "Message": "please login", "Success": False})
        repository = self.server.repositories[(_SEGMENTS[groups[0]], groups[1])]
        files = dict(repository.commits[-1][1]) if repository.commits else {}
        for action in json.loads(body)["actions"]:
            if action["action"] == "delete":
                files.pop(action["path"], None)
            elif action.get("type") == "lfs":
                files[action["path"]] = self.server.blobs[action["sha256"]]
            else:
                files[action["path"]] = base64.b64decode(action["content"])
        oid = repository.commit(files)
        self._data({"Id": oid})
        return None

    # helpers

    def _repository(self, groups: Any) -> MsRepository | None:
        found = self.server.repositories.get((_SEGMENTS[groups[0]], groups[1]))
        if found is None or (found.private and not self._authorized()):
            self._send(404, {"Code": 10010205001, "Message": "repo not found", "Success": False})
            return None
        return found

    def _authorized(self) -> bool:
        given = f"{self.headers.get('Authorization', '')} {self.headers.get('Cookie', '')}"
        return self.server.token in given

    def _data(self, data: Any) -> None:
        self._send(200, {"Code": 200, "Data": data, "Message": "success", "Success": True})

    def _send(self, status: int, data: Any) -> None:
        self._reply(status, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _bytes(self, data: bytes) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if match is None:
            return self._reply(200, data, {"Accept-Ranges": "bytes"})
        first, last = int(match[1]), int(match[2] or len(data) - 1)
        part = data[first : last + 1]
        return self._reply(206, part, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"})

    def _reply(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _fail(self, fault: MsFault) -> None:
        if fault.how == "cut":
            self.close_connection = True
            self.connection.close()
            return
        self._send(int(fault.how), {"Code": fault.how, "Message": "injected", "Success": False})
