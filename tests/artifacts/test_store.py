from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hanhua.artifacts.identity import Identity, Record
from hanhua.artifacts.manifest import MANIFEST, Artifact, open_artifact, write_manifest
from hanhua.artifacts.store import BEGUN, Store, check_free_space
from hanhua.errors import HanhuaError, InputError, InvariantError


def wanted(material: dict[str, object], *, stage: str = "filtering", record: Record | None = None) -> Identity:
    return Identity(stage, "corpus", material, record or Record())


def make(store: Store, text: str, material: dict[str, object], *, record: Record | None = None) -> Artifact:
    def build(out: Path) -> dict[str, object]:
        (out / "part").mkdir(exist_ok=True)
        (out / "part" / "text.txt").write_text(text, encoding="utf-8")
        (out / "work").mkdir(exist_ok=True)
        (out / "work" / "scratch").write_text("half done", encoding="utf-8")
        (out / "logs" / "seen.txt").write_text("outside the hash", encoding="utf-8")
        return {"length": len(text)}

    return store.make(wanted(material, record=record), config=material, inputs={}, build=build)


def test_a_finished_artifact_is_found_again_and_has_no_scratch(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = make(store, "汉化", {"a": 1})
    assert store.find(wanted({"a": 1})) == made
    assert store.find(wanted({"a": 2})) is None
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
        Store(tmp_path).find(wanted({}))


def test_a_failed_stage_leaves_its_scratch_and_no_manifest(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(out: Path) -> dict[str, object]:
        (out / "work").mkdir()
        (out / "work" / "checkpoint").write_text("1", encoding="utf-8")
        raise HanhuaError("the disk is full")

    with pytest.raises(HanhuaError):
        store.make(wanted({}), config={}, inputs={}, build=fail)
    assert store.find(wanted({})) is None
    assert store.is_begun(wanted({}))
    resumed: list[bool] = []

    def go_on(out: Path) -> dict[str, object]:
        resumed.append((out / "work" / "checkpoint").exists())
        (out / "text").write_text("done", encoding="utf-8")
        return {}

    store.make(wanted({}), config={}, inputs={}, build=go_on)
    assert resumed == [True]
    assert not store.is_begun(wanted({}))


def test_what_is_made_anew_says_which_field_differs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    make(store, "汉化", {"config": {"ratio": 0.1, "seed": 1}})
    assert store.why_not_there(wanted({"config": {"ratio": 0.2, "seed": 1}})) == ["config.ratio: 0.1 → 0.2"]
    assert store.why_not_there(wanted({"config": {}}, stage="base")) == []


def test_code_and_versions_are_remembered_and_decide_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    then = Record({"a.b": "1", "a.c": "2"}, {"numpy": "2.0"})
    made = make(store, "汉化", {"a": 1}, record=then)
    now = Record({"a.b": "1", "a.c": "3", "a.d": "4"}, {"numpy": "2.1"})
    assert store.find(wanted({"a": 1}, record=now)) == made
    assert store.record(made) == then
    assert store.record(made).drift_to(now) == ["code: changed a.c, new a.d", "numpy: 2.0 → 2.1"]
    assert then.drift_to(then) == []


def test_made_again_the_first_one_is_kept_aside(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = make(store, "汉化", {"a": 1})
    again = make(store, "漢化", {"a": 1})
    assert again.path == first.path and store.find(wanted({"a": 1})) == again
    aside = first.path.with_name(first.path.name + ".replaced1")
    assert open_artifact(aside).content_hash == first.content_hash
    assert store.why_not_there(wanted({"a": 2})) == ["a: 1 → 2"], "what was set aside is compared with nothing"


def test_unfinished_work_of_other_settings_says_what_differs(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(out: Path) -> dict[str, object]:
        raise HanhuaError("killed")

    with pytest.raises(HanhuaError):
        store.make(wanted({"rate": 0.1}), config={}, inputs={}, build=fail)
    assert json.loads((store.partial(wanted({"rate": 0.1})) / BEGUN).read_text())["material"] == {"rate": 0.1}
    assert store.unfinished_beside(wanted({"rate": 0.1})) == []
    (other,) = store.unfinished_beside(wanted({"rate": 0.5}))
    assert (other.path, other.differences) == (store.partial(wanted({"rate": 0.1})), ("rate: 0.1 → 0.5",))
    store.set_aside(wanted({"rate": 0.1}))
    assert not store.is_begun(wanted({"rate": 0.1})) and store.unfinished_beside(wanted({"rate": 0.5})) == []


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
