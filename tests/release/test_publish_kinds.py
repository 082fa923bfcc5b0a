"""Merged model, adapter and tokenizer, published over real HTTP: once and whole through every fault, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_kinds
import tiny_release
from hub_publisher import REPO, TOKEN, Publisher, on, published
from hub_server import Fault, HubServer
from repository import ROOT

from hanhua.artifacts.files import read_json
from hanhua.artifacts.manifest import Artifact
from hanhua.errors import InputError, InvariantError
from hanhua.release.licenses import HARM_HEADING, TERMS
from hanhua.release.stage import CorpusLine

KINDS = ("model", "adapter", "tokenizer")
USED = {"model": {"base", "corpus", "tokenizer", "adapted"}, "tokenizer": {"base", "corpus", "tokenizer"}}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return tiny_kinds.artifacts(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def made(inputs: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Artifact]:
    known: dict[str, Artifact] = {}
    root = tmp_path_factory.mktemp("releases")

    def make(kind: str, **changes: Any) -> Artifact:
        key = repr((kind, changes))
        if key not in known:
            given = {name: inputs[name] for name in USED.get(kind, inputs)}
            known[key] = tiny_release.make(tiny_release.job(kind=kind, **changes), given, root / str(len(known)))
        return known[key]

    return make


def test_each_kind_holds_what_it_should_and_nothing_else(made: Callable[..., Artifact]) -> None:
    names = {kind: set(published(made(kind))) for kind in KINDS}
    for kind, files in names.items():
        assert {"README.md", "LICENSE", "NOTICE", "tokenizer.json", "tokenizer_config.json"} <= files, kind
        assert "results/compression.svg" in files and "results/compression.csv" in files
    weights = {kind: {name for name in files if name.endswith(".safetensors")} for kind, files in names.items()}
    assert weights["tokenizer"] == set() and weights["model"] == {"model.safetensors"}
    assert weights["adapter"] == {"adapter_model.safetensors", "base/model.safetensors"}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == "tokenizer" else pytest.mark.slow) for kind in KINDS]
)
def test_through_every_fault_it_is_published_once_whole_and_loads(
    kind: str, publisher: Publisher, hub: HubServer, made: Callable[..., Artifact]
) -> None:
    release = made(kind)
    large = kind != "tokenizer"
    hub.faults += [
        Fault("GET", "whoami", 429, headers={"Retry-After": "0"}),
        Fault("POST", "/api/repos/create", 500),
        Fault("POST", "/commit/", "half"),
        Fault("POST", "/commit/", "lost"),
        *([Fault("PUT", "/lfs/", "half"), Fault("PUT", "/lfs/", 500)] if large else []),
    ]
    answer = publisher(release.path, "--repo-id", REPO, "--json")
    assert answer.code == 0, answer.err
    assert not any(fault.times for fault in hub.faults), hub.faults
    assert on(hub) == published(release)
    assert len(hub.repositories[REPO].commits) == 2, "the first commit is the repository's own"
    there = publisher.load(REPO, answer.data["commit"], kind=kind)
    assert there == local(release.path, kind)


def local(folder: Path, kind: str) -> Any:
    """Load a release folder as anybody would, without a Hub and without anything of ours."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.modules['hanhua'] = None; import publisher;"
        "publisher.load(repo_id=sys.argv[2], revision='main', kind=sys.argv[3])"
    )
    line = [sys.executable, "-c", code, str(ROOT / "tests"), str(folder), kind]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("POST", "/commit/", 500, times=9, headers={"Retry-After": "0"}), "still answered 500 after 5 tries"),
        (Fault("POST", "/commit/", 403, message="Private repository storage limit reached"), "no room left"),
        (Fault("POST", "/commit/", 401), "does not accept the token"),
        (Fault("POST", "/api/repos/create", 429, times=9, headers={"Retry-After": "0"}), "still answered 429"),
    ],
    ids=["500", "quota", "token", "429"],
)
def test_what_stays_broken_leaves_nothing_half(
    kind: str, fault: Fault, said: str, publisher: Publisher, hub: HubServer, made: Callable[..., Artifact]
) -> None:
    hub.faults.append(Fault(fault.method, fault.path, fault.how, fault.times, fault.headers, fault.message))
    answer = publisher(made(kind).path, "--repo-id", REPO)
    assert answer.code in (1, 2) and said in answer.err, answer.err
    assert all(len(repository.commits) == 1 for repository in hub.repositories.values())
    hub.faults.clear()
    assert publisher(made(kind).path, "--repo-id", REPO).code == 0, "the same command again goes through"
    assert on(hub) == published(made(kind))


def test_one_kind_after_another_leaves_nothing_that_loads_wrongly(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact]
) -> None:
    for kind in ("model", "adapter", "tokenizer", "model"):
        answer = publisher(made(kind).path, "--repo-id", REPO, "--json")
        assert answer.code == 0, answer.err
        assert {name for name in on(hub) if name.endswith((".safetensors", "config.json", "adapter_config.json"))} <= {
            *published(made(kind))
        }


def test_a_wrong_token_is_refused_for_every_kind(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact]
) -> None:
    for kind in KINDS:
        answer = publisher(made(kind).path, "--repo-id", REPO, token="hf_aWrongSecretIndeed")
        assert answer.code == 2 and "does not accept the token" in answer.err and hub.repositories == {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_duties_hold_for_every_kind(
    kind: str, publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], agreement: Path
) -> None:
    """The tokenizer alone is Llama material too."""
    real = {"toy": False, "base_name": "meta-llama/Meta-Llama-3-8B", "name": "Llama-3-8B-zh"}
    release = made(kind, **real)
    card = (release.path / "README.md").read_text(encoding="utf-8")
    assert TERMS["3"].built_with in card and HARM_HEADING in card and TERMS["3"].policy_url in card
    assert TERMS["3"].notice in (release.path / "NOTICE").read_text(encoding="utf-8")
    bare = publisher(release.path, "--repo-id", REPO)
    assert bare.code == 2 and "duty: agreement: LICENSE must be" in bare.err and hub.requests == []
    misnamed = publisher(release.path, "--repo-id", "tester/zh-8B", "--agreement", agreement)
    assert misnamed.code == 2 and "must begin with 'Llama 3'" in misnamed.err and hub.requests == []
    corpora = (CorpusLine(name="web", license="CC-BY-NC-4.0", source="web.jsonl"),)
    restricted = made(kind, **real, corpora=corpora)
    barred = publisher(restricted.path, "--repo-id", REPO, "--agreement", agreement, "--public")
    assert barred.code == 2 and "forbids commercial use: leave web out" in barred.err and hub.requests == []
    good = publisher(release.path, "--repo-id", REPO, "--agreement", agreement, "--public")
    assert good.code == 0, good.err
    assert hub.repositories[REPO].private is False


def test_an_adapter_on_the_stock_base_names_it_and_stays_small(tmp_path: Path) -> None:
    given = tiny_kinds.artifacts(tmp_path / "run", extended=False)
    job = tiny_release.job(kind="adapter", toy=False, base_name="meta-llama/Meta-Llama-3-8B", name="Llama-3-x")
    release = tiny_release.make(job, given, tmp_path / "out")
    assert read_json(release.path / "adapter_config.json")["base_model_name_or_path"] == "meta-llama/Meta-Llama-3-8B"
    assert not any(entry.path.startswith("base/") for entry in release.files)
    card = (release.path / "README.md").read_text(encoding="utf-8")
    assert "base_model_relation: adapter" in card and 'from_pretrained("meta-llama/Meta-Llama-3-8B"' in card


def test_an_adapter_is_released_only_over_its_own_base(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    other = tiny_kinds.artifacts(tmp_path / "other", extended=False)
    with pytest.raises(InvariantError, match="made for the model"):
        tiny_release.make(tiny_release.job(kind="adapter"), {**inputs, "resized": other["base"]}, tmp_path / "out")
    whole = {**inputs, "adapted": inputs["resized"]}
    with pytest.raises(InputError, match="no adapter to release"):
        tiny_release.make(tiny_release.job(kind="adapter"), whole, tmp_path / "whole")


def test_no_token_is_written_anywhere(publisher: Publisher, made: Callable[..., Artifact]) -> None:
    for kind in KINDS:
        for path in made(kind).path.rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
