"""Publishing over real HTTP with real huggingface_hub: once, whole, as it should be, or not at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_release
from hub_publisher import REPO, TOKEN, Publisher, on, published
from hub_server import Fault, HubServer

from hanhua.artifacts.files import write_json
from hanhua.artifacts.manifest import Artifact, open_artifact
from hanhua.release.stage import CorpusLine

SHARDED = 20e-6  # gigabytes: several weight files


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return tiny_release.artifacts(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def made(inputs: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Artifact]:
    """Make a release, once for each set of settings."""
    known: dict[str, Artifact] = {}
    root = tmp_path_factory.mktemp("releases")

    def make(*, gates: list[dict[str, Any]] | None = None, **changes: Any) -> Artifact:
        key = repr((gates, changes))
        if key not in known:
            given = inputs
            if gates:
                folder = root / f"scores-{len(known)}"
                folder.mkdir()
                write_json(folder / "scores.json", tiny_release.scores(gates=gates))
                given = {**inputs, "scores": tiny_release.finished(folder, "scores", {})}
            known[key] = tiny_release.make(tiny_release.job(**changes), given, root / f"release-{len(known)}")
        return known[key]

    return make


def real(**changes: Any) -> dict[str, Any]:
    """Return the settings of a release whose base is Meta's own."""
    return {"toy": False, "base_name": "meta-llama/Meta-Llama-3-8B", "name": "Llama-3-8B-zh", **changes}


def test_published_is_what_was_made_and_loads_bit_for_bit(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], inputs: dict[str, Artifact]
) -> None:
    release = made(max_shard_gigabytes=SHARDED)
    (release.path / "logs").mkdir(exist_ok=True)
    (release.path / "logs" / "stage.log").write_text("not for the Hub", encoding="utf-8")
    first = publisher(release.path, "--repo-id", REPO, "--json")
    assert first.code == 0, first.err
    commit = first.data["commit"]
    repository = hub.repositories[REPO]
    assert repository.private and first.data["public"] is False
    assert on(hub) == published(release), "all of it, and neither logs nor manifest"
    assert [oid for oid, _ in repository.commits[1:]] == [commit], "one commit holds everything"

    import torch
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    loaded = publisher.load(REPO, commit)
    adapted = inputs["adapted"].path / "model"
    expected = {
        name: hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
        for name, tensor in load_file(adapted / "model.safetensors").items()
    }
    assert loaded["tensors"] == expected
    assert loaded["ids"] == AutoTokenizer.from_pretrained(adapted)("杭州西湖 hello")["input_ids"]

    again = publisher(release.path, "--repo-id", REPO, "--json")
    assert again.code == 0 and again.data["commit"] == commit and again.data["changed"] is False
    assert len(repository.commits) == 2


def test_a_dry_run_asks_no_network_and_needs_no_token(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact]
) -> None:
    release = made()
    shown = publisher(release.path, "--repo-id", REPO, "--dry-run", token=None)
    assert shown.code == 0 and hub.requests == []
    for entry in release.files:
        assert entry.path in shown.out and f"{entry.size:,}" in shown.out
    assert "toy" in shown.out and "agreement" in shown.out
    refused = publisher(made(**real()).path, "--repo-id", "tester/zh", "--dry-run", "--json", token=None)
    assert refused.code == 2 and hub.requests == []
    assert [finding["what"] for finding in refused.data["blocking"]] == ["name", "agreement"]


@pytest.mark.parametrize(
    ("token", "repo_id", "said"),
    [
        (None, "tester/Llama-3-x", "no Hub token: set HF_TOKEN"),
        ("hf_aWrongSecretIndeed", "tester/Llama-3-x", "does not accept the token"),
        (TOKEN, "somebody/Llama-3-x", "may not write to somebody/Llama-3-x"),
        (TOKEN, "Llama-3-x", "expected OWNER/NAME"),
    ],
)
def test_who_may_not_is_told_why(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], token: str | None, repo_id: str, said: str
) -> None:
    answer = publisher(made().path, "--repo-id", repo_id, token=token)
    assert answer.code == 2 and said in answer.err and hub.repositories == {}


def test_a_busy_hub_is_asked_again(publisher: Publisher, hub: HubServer, made: Callable[..., Artifact]) -> None:
    hub.faults += [
        Fault("GET", "whoami", 429, headers={"Retry-After": "0"}),
        Fault("POST", "/api/repos/create", 503),
        Fault("PUT", "/lfs/", 500),
        Fault("POST", "/commit/", 500, headers={"Retry-After": "0"}),
    ]
    release = made(max_shard_gigabytes=SHARDED)
    answer = publisher(release.path, "--repo-id", REPO, "--json")
    assert answer.code == 0, answer.err
    assert not any(fault.times for fault in hub.faults)
    assert on(hub) == published(release)
    assert len(hub.repositories[REPO].commits) == 2


def test_a_cut_connection_leaves_one_whole_commit(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact]
) -> None:
    hub.faults += [Fault("PUT", "/lfs/", "cut"), Fault("POST", "/commit/", "lost")]
    release = made(max_shard_gigabytes=SHARDED)
    answer = publisher(release.path, "--repo-id", REPO, "--json")
    assert answer.code == 0, answer.err
    assert on(hub) == published(release)
    assert len(hub.repositories[REPO].commits) == 2, "an answer that was lost is no second commit"


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (Fault("POST", "/commit/", 403, message="Private repository storage limit reached"), 1, "no room left"),
        (Fault("POST", "/commit/", 412), 1, "somebody committed to tester/Llama-3-tiny"),
        (Fault("POST", "/commit/", 404), 2, "is not there"),
        (Fault("GET", "whoami", 429, times=9, headers={"Retry-After": "0"}), 1, "still answered 429 after 5 tries"),
        (Fault("POST", "validate-yaml", 400, message="bad card"), 1, "Invalid metadata in README.md"),
    ],
)
def test_refusals_are_clear_and_leave_nothing_half(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], fault: Fault, code: int, said: str
) -> None:
    hub.faults.append(Fault(fault.method, fault.path, fault.how, fault.times, fault.headers, fault.message))
    answer = publisher(made().path, "--repo-id", REPO)
    assert answer.code == code and said in answer.err, answer.err
    assert all(len(repository.commits) == 1 for repository in hub.repositories.values())


def test_a_hub_that_holds_something_else_is_not_believed(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub_server import Repository

    honest = Repository.commit

    def spoiling(self: Repository, files: dict[str, bytes]) -> str:
        return honest(self, {name: data + b"!" if name == "NOTICE" else data for name, data in files.items()})

    monkeypatch.setattr(Repository, "commit", spoiling)
    answer = publisher(made().path, "--repo-id", REPO, "--public")
    assert answer.code == 2 and "agreement" in answer.err
    answer = publisher(made().path, "--repo-id", REPO)
    assert answer.code == 1 and "NOTICE: its sha256 there is" in answer.err


def test_a_real_base_needs_its_agreement(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], agreement: Path
) -> None:
    release = made(**real())
    refused = publisher(release.path, "--repo-id", "tester/Llama-3-8B-zh")
    assert refused.code == 2 and "duty: agreement: LICENSE must be" in refused.err
    assert "--agreement FOLDER" in refused.err and hub.requests == []
    no_help = publisher(release.path, "--repo-id", "tester/Llama-3-8B-zh", "--agreement", release.path)
    assert no_help.code == 2 and "no LICENSE in this folder that is" in no_help.err
    misnamed = publisher(release.path, "--repo-id", "tester/zh-8B", "--agreement", agreement)
    assert misnamed.code == 2 and "must begin with 'Llama 3'" in misnamed.err and hub.requests == []
    good = publisher(release.path, "--repo-id", "tester/Llama-3-8B-zh", "--agreement", agreement)
    assert good.code == 0, good.err
    sent = on(hub, "tester/Llama-3-8B-zh")
    assert sent["LICENSE"] == hashlib.sha256((agreement / "LICENSE").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("terms", "policy", "said"),
    [
        ("CC-BY-NC-4.0", "commercial", "corpus web is CC-BY-NC-4.0, which forbids commercial use: leave web out"),
        ("", "commercial", "corpus web has no license: state it in the recipe (corpora.web.license)"),
        ("CC-BY-NC-4.0", "research", None),
        ("CC-BY-4.0", "commercial", None),
    ],
)
def test_the_license_policy_rules_what_is_public(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], agreement: Path,
    terms: str, policy: str, said: str | None,
) -> None:  # fmt: skip
    corpora = (CorpusLine(name="web", license=terms, source="web.jsonl"),)
    release = made(**real(corpora=corpora, license_policy=policy))
    arguments = (release.path, "--repo-id", "tester/Llama-3-8B-zh", "--agreement", agreement)
    answer = publisher(*arguments, "--public")
    if said is None:
        assert answer.code == 0, answer.err
        assert hub.repositories["tester/Llama-3-8B-zh"].private is False
        order = [line for line in hub.requests if "/commit/" in line or "/settings" in line or "/resolve/" in line]
        assert "/commit/" in order[0] and "/settings" in order[-1], "public only once it was read back"
    else:
        assert answer.code == 2 and said in answer.err and hub.requests == []
        assert publisher(*arguments).code == 0, "private, it may go"


def test_a_labeled_set_of_the_filter_is_looked_at_too(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], agreement: Path
) -> None:
    sets = (CorpusLine(name="owner/toxic", license="cc-by-nc-4.0", source="owner/toxic"),)
    release = made(**real(labeled_sets=sets))
    arguments = (release.path, "--repo-id", "tester/Llama-3-8B-zh", "--agreement", agreement)
    answer = publisher(*arguments, "--public")
    assert answer.code == 2 and hub.requests == []
    assert "labeled set owner/toxic is cc-by-nc-4.0, which forbids commercial use: leave owner/toxic out" in answer.err


def test_an_unmet_gate_keeps_it_private(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], agreement: Path
) -> None:
    gates = [
        {"name": "min_gain", "limit": 0.05, "value": 0.2, "met": True},
        {"name": "max_harmful_rate", "limit": 0.01, "value": 0.05, "met": False},
    ]
    release = made(**real(), gates=gates)
    arguments = (release.path, "--repo-id", "tester/Llama-3-8B-zh", "--agreement", agreement)
    answer = publisher(*arguments, "--public")
    assert answer.code == 3 and "gate: max_harmful_rate" in answer.err and "min_gain" not in answer.err
    assert hub.requests == []
    assert publisher(*arguments).code == 0


def test_a_public_repository_is_not_published_to_by_accident(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], agreement: Path
) -> None:
    release = made(**real())
    arguments = (release.path, "--repo-id", "tester/Llama-3-8B-zh", "--agreement", agreement)
    assert publisher(*arguments).code == 0
    hub.repositories["tester/Llama-3-8B-zh"].private = False
    answer = publisher(*arguments)
    assert answer.code == 2 and "exists and is public" in answer.err
    assert publisher(*arguments, "--public").code == 0
    assert hub.repositories["tester/Llama-3-8B-zh"].private is False


def test_an_earlier_release_leaves_no_weights_behind(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact]
) -> None:
    whole, sharded = made(), made(max_shard_gigabytes=SHARDED)
    assert publisher(whole.path, "--repo-id", REPO).code == 0
    repository = hub.repositories[REPO]
    repository.commit(repository.commits[-1][1] | {"model-Q4.gguf": b"somebody's", "docs/notes.md": b"theirs"})
    answer = publisher(sharded.path, "--repo-id", REPO, "--json")
    assert answer.code == 0 and answer.data["removed"] == ["model.safetensors"]
    extra = {"model-Q4.gguf", "docs/notes.md"}
    assert on(hub).keys() == published(sharded).keys() | extra


def test_only_finished_and_unchanged_releases_go(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], inputs: dict[str, Artifact], tmp_path: Path
) -> None:
    import shutil

    for folder, said in ((inputs["base"].path, "a base artifact"), (tmp_path, "not a run")):
        answer = publisher(folder, "--repo-id", "tester/Llama-3-x")
        assert answer.code == 2 and said in answer.err
    changed = tmp_path / "changed"
    shutil.copytree(made().path, changed)
    (changed / "NOTICE").write_text("mine", encoding="utf-8")
    answer = publisher(changed, "--repo-id", "tester/Llama-3-x")
    assert answer.code == 1 and "NOTICE: missing or changed" in answer.err
    assert hub.requests == []


def test_a_run_is_published_by_its_release(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], tmp_path: Path
) -> None:
    import shutil

    run = tmp_path / "runs" / "tiny"
    shutil.copytree(made().path, run / "release" / "0123456789ab")
    write_json(run / "run.json", {"recipe": {}, "stages": ["release"], "artifacts": {"release": "0123456789ab"}})
    answer = publisher(run, "--repo-id", REPO)
    assert answer.code == 0 and "published: " in answer.out and "(private)" in answer.out
    assert on(hub) == published(open_artifact(run / "release" / "0123456789ab"))
    write_json(run / "run.json", {"recipe": {}, "stages": [], "artifacts": {}})
    assert "no finished release" in publisher(run, "--repo-id", REPO).err


def test_a_hub_out_of_reach_is_said_to_be(made: Callable[..., Artifact], tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hanhua.cli.entry import run_command;"
        "from hanhua.release.publish import publish_release as p;"
        "sys.exit(run_command(lambda: p(Path(sys.argv[1]), repo_id='me/Llama-3-x', first_wait_seconds=0.0)))"
    )
    env = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path)}
    env.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run([sys.executable, "-c", code, str(made().path)], capture_output=True, text=True, env=env)
    assert done.returncode == 1 and "http://127.0.0.1:9 cannot be reached" in done.stderr, done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_a_private_publish_with_the_agreement_does_not_say_that_it_is_missing(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], agreement: Path
) -> None:
    release = made(**real())
    given = publisher(release.path, "--repo-id", REPO, "--agreement", agreement, "--json")
    assert given.code == 0, given.err
    assert not any("agreement" in note for note in given.data["notes"])
    bare = publisher(made().path, "--repo-id", REPO, "--json")
    assert any(note.startswith("before it can be public: agreement") for note in bare.data["notes"])


def test_an_agreement_with_a_section_cut_out_is_refused_by_its_name(
    publisher: Publisher, hub: HubServer, made: Callable[..., Artifact], agreement: Path, tmp_path: Path
) -> None:
    whole = (agreement / "LICENSE").read_text(encoding="utf-8")
    start, end = whole.index("2. Additional Commercial Terms"), whole.index("3. Disclaimer of Warranty")
    (tmp_path / "LICENSE").write_text(whole[:start] + whole[end:], encoding="utf-8")
    answer = publisher(made(**real()).path, "--repo-id", REPO, "--agreement", tmp_path)
    assert answer.code == 2 and "not word for word: Additional Commercial Terms" in answer.err
    assert hub.requests == []
