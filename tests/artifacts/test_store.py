from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hanhua.artifacts.manifest import MANIFEST, Artifact, open_artifact, write_manifest
from hanhua.artifacts.store import Store, check_free_space
from hanhua.errors import HanhuaError, InputError, InvariantError


def make(store: Store, text: str, material: dict[str, object]) -> Artifact:
    def build(out: Path) -> dict[str, object]:
        (out / "part").mkdir(exist_ok=True)
        (out / "part" / "text.txt").write_text(text, encoding="utf-8")
        (out / "work").mkdir(exist_ok=True)
        (out / "work" / "scratch").write_text("half done", encoding="utf-8")
        (out / "logs" / "seen.txt").write_text("outside the hash", encoding="utf-8")
        return {"length": len(text)}

    return store.make("filtering", material=material, config=material, inputs={}, versions={}, build=build)


def test_a_finished_artifact_is_found_again_and_has_no_scratch(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = make(store, "汉化", {"a": 1})
    assert store.find("filtering", {"a": 1}) == made
    assert store.find("filtering", {"a": 2}) is None
    assert not (made.path / "work").exists()
    assert (made.path / "logs" / "seen.txt").exists()
    assert [entry.path for entry in made.files] == ["part/text.txt"]


def test_content_hash_depends_on_content_alone(tmp_path: Path) -> None:
    one = make(Store(tmp_path / "one"), "汉化", {"a": 1})
    other = make(Store(tmp_path / "other"), "汉化", {"b": 2})
    third = make(Store(tmp_path / "third"), "漢化", {"a": 1})
    assert one.content_hash == other.content_hash != third.content_hash


def test_a_part_has_its_own_hash_and_must_exist(tmp_path: Path) -> None:
    made = make(Store(tmp_path), "汉化", {})
    part = made.part("part")
    assert part.path == made.path / "part"
    assert part.content_hash != made.content_hash
    with pytest.raises(InputError, match="no part 'model'"):
        made.part("model")


@pytest.mark.parametrize("harm", ["change", "delete", "edit the manifest"])
def test_what_changed_since_is_refused_by_name(tmp_path: Path, harm: str) -> None:
    made = make(Store(tmp_path), "汉化", {})
    if harm == "change":
        (made.path / "part" / "text.txt").write_text("改了", encoding="utf-8")
    elif harm == "delete":
        (made.path / "part" / "text.txt").unlink()
    else:
        manifest = json.loads((made.path / MANIFEST).read_text(encoding="utf-8"))
        manifest["files"][0]["size"] += 1
        (made.path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InvariantError, match=r"text\.txt|manifest\.json"):
        Store(tmp_path).find("filtering", {})


def test_a_failed_stage_leaves_its_scratch_and_no_manifest(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(out: Path) -> dict[str, object]:
        (out / "work").mkdir()
        (out / "work" / "checkpoint").write_text("1", encoding="utf-8")
        raise HanhuaError("the disk is full")

    with pytest.raises(HanhuaError):
        store.make("filtering", material={}, config={}, inputs={}, versions={}, build=fail)
    assert store.find("filtering", {}) is None
    assert store.is_begun("filtering", {})
    resumed: list[bool] = []

    def go_on(out: Path) -> dict[str, object]:
        resumed.append((out / "work" / "checkpoint").exists())
        (out / "text").write_text("done", encoding="utf-8")
        return {}

    store.make("filtering", material={}, config={}, inputs={}, versions={}, build=go_on)
    assert resumed == [True]
    assert not store.is_begun("filtering", {})


def test_drift_says_which_field_differs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    make(store, "汉化", {"config": {"ratio": 0.1, "seed": 1}})
    assert store.drift("filtering", {"config": {"ratio": 0.2, "seed": 1}}) == ["config.ratio: 0.1 → 0.2"]
    assert store.drift("base", {"config": {}}) == []


def test_facts_must_be_plain_data(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"facts\.loss"):
        write_manifest(tmp_path, kind="corpus", config={}, inputs={}, facts={"loss": float("nan")})


def test_another_kind_or_no_manifest_is_refused(tmp_path: Path) -> None:
    made = make(Store(tmp_path), "汉化", {})
    with pytest.raises(InputError, match="a corpus artifact, where a tokenizer was expected"):
        open_artifact(made.path, kind="tokenizer")
    with pytest.raises(InputError, match="not a finished artifact"):
        open_artifact(tmp_path)


def test_two_processes_do_not_share_a_run(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from hanhua.artifacts.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).locked(): pass"
    )
    with Store(tmp_path).locked():
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "another run is at work" in done.stderr
    with Store(tmp_path).locked():
        pass


def test_lack_of_space_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(HanhuaError, match="GB are needed"):
        check_free_space(tmp_path, 10**18)
