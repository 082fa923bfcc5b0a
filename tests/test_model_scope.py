"""ModelScope over real HTTP with its real client: names, commits, files, refusals; and the calls the client makes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from modelscope_server import ModelScopeServer, MsFault, MsRepository, modelscope_server

from hanhua.base_model import resolve_base_model
from hanhua.documents.readers import read_records
from hanhua.errors import InputError
from hanhua.model_scope import fetched, fetched_files, modelscope_commit, parse_modelscope

pytest.importorskip("modelscope_hub", reason="needs the extra modelscope")
RECORDED = {
    "commit of a model": ["GET /api/v1/models/me/base/repo/files Recursive,Revision"],
    "files of a model": [
        "GET /api/v1/models/me/base/repo/files Recursive,Revision",
        "GET /api/v1/models/me/base/repo FilePath,Revision",
        "GET /api/v1/models/me/base/repo FilePath,Revision",
    ],
    "files of a data set": [
        "GET /api/v1/datasets/me/texts/repo/tree PageNumber,PageSize,Recursive,Revision,Root",
        "GET /api/v1/datasets/me/texts/repo FilePath,Revision",
    ],
}
"""What the client asked, as it was recorded; another version that asks otherwise is noticed here."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelScopeServer]:
    with modelscope_server() as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", server.url)
        monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("MODELSCOPE_API_TOKEN", raising=False)
        monkeypatch.setenv("TQDM_DISABLE", "1")
        yield server


def base(server: ModelScopeServer, *, private: bool = False) -> tuple[MsRepository, str, str]:
    repository = server.repositories["model", "me/base"] = MsRepository(private=private)
    first = repository.commit({"config.json": b"{}", "model.safetensors": b"old" * 1000, "notes/x.txt": b"x"})
    second = repository.commit({"config.json": b"{}", "model.safetensors": b"new" * 1000, "notes/x.txt": b"x"})
    return repository, first, second


def asked(server: ModelScopeServer) -> list[str]:
    """Return what was asked since the last time, without what the client asks about its own network."""
    found = [line for line in server.requests if "internalAcceleration" not in line]
    server.requests.clear()
    return found


@pytest.mark.parametrize("name", ["ms://only", "ms://a/b/c", "ms:///b", "ms://a b/c"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected ms://OWNER/NAME"):
        parse_modelscope(name)


def test_a_revision_is_pinned_and_old_commits_stay_what_they_were(server: ModelScopeServer) -> None:
    repository, first, second = base(server)
    assert modelscope_commit("model", "me/base", None) == second
    assert asked(server) == RECORDED["commit of a model"]
    assert modelscope_commit("model", "me/base", first) == first
    repository.commit({"config.json": b'{"newer": 1}', "model.safetensors": b"newest" * 1000})
    assert modelscope_commit("model", "me/base", None) not in (first, second)
    server.requests.clear()
    for commit, data in ((first, b"old" * 1000), (second, b"new" * 1000)):
        folder = fetched(f"ms://me/base@{commit}", "model", patterns=["*.json", "*.safetensors"])
        assert (folder / "model.safetensors").read_bytes() == data and not (folder / "notes").exists()
        assert asked(server) == RECORDED["files of a model"]


def test_a_base_comes_without_its_other_files(server: ModelScopeServer) -> None:
    base(server)
    folder = resolve_base_model("ms://me/base")
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == ["config.json", "model.safetensors"]


def test_texts_are_the_files_that_the_name_says(server: ModelScopeServer) -> None:
    repository = server.repositories["dataset", "me/texts"] = MsRepository()
    commit = repository.commit(
        {
            "zh/b.jsonl": '{"text": "第二篇"}\n'.encode(),
            "zh/a.jsonl": '{"text": "第一篇"}\n{"text": "又一篇"}\n'.encode(),
            "en/a.jsonl": b'{"text": "english"}\n',
            "README.md": b"# texts",
        }
    )
    name = f"ms://me/texts@{commit}:zh/*.jsonl"
    records = list(read_records(name, text_field="text", split="train", on_broken=lambda *_: None))
    assert [record.text for record in records] == ["第一篇", "又一篇", "第二篇"]
    assert [record.number for record in records] == [0, 1, 2]
    assert asked(server)[:1] == RECORDED["files of a data set"][:1]
    server.requests.clear()
    assert fetched_files(f"ms://me/texts@{commit}:en/a.jsonl").endswith("en/a.jsonl")
    assert asked(server) == RECORDED["files of a data set"]
    assert Path(fetched_files(f"ms://me/texts@{commit}")).is_dir()


@pytest.mark.parametrize("how", [500, 503, "cut"])
def test_a_moment_s_trouble_is_gone_over(server: ModelScopeServer, how: int | str) -> None:
    _, _, second = base(server)
    server.faults.append(MsFault("GET", "FilePath=model.safetensors", how))
    folder = fetched(f"ms://me/base@{second}", "model", patterns=["*.safetensors"])
    assert (
        hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        == hashlib.sha256(b"new" * 1000).hexdigest()
    )


def test_a_refusal_names_the_ways_on_and_never_the_token(
    server: ModelScopeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    base(server, private=True)
    with pytest.raises(InputError) as caught:
        modelscope_commit("model", "me/base", None)
    for way in ("MODELSCOPE_API_TOKEN", "MODELSCOPE_ENDPOINT", "a Hub id", "the folder of a copy"):
        assert way in str(caught.value)
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-wrongToken0123456789")
    with pytest.raises(InputError) as caught:
        modelscope_commit("model", "me/base", None)
    assert "wrongToken" not in str(caught.value)
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", server.token)
    assert len(modelscope_commit("model", "me/base", None)) == 40
    with pytest.raises(InputError, match="revision not found"):
        fetched("ms://me/base@nowhere", "model", patterns=["*.json"])


def test_a_hub_that_does_not_answer_names_mirror_modelscope_and_folder() -> None:
    import subprocess
    import sys

    code = "from hanhua.base_model import resolve_base_model; resolve_base_model('somebody/model')"
    env = {"HF_ENDPOINT": "http://127.0.0.1:9", "PATH": "", "HF_HUB_DISABLE_XET": "1", "HOME": "/nonexistent"}
    import os

    env["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    for way in ("HF_ENDPOINT", "ms://OWNER/NAME", "its folder"):
        assert way in done.stderr, done.stderr[-2000:]
