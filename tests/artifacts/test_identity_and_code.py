"""What an artifact is: its settings and inputs. How it was made, code and versions, is told and decides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from hanhua.artifacts.code_closure import changed_code, closure_hashes, code_hash, imported_modules, source_of
from hanhua.artifacts.earlier_formats import as_today, earlier_names, facts_as_today
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.identity import KEY_LENGTH, MAX_MODULES_NAMED, Identity, Record, config_material, content_of
from hanhua.config_fields import LocalPath

HASHES = st.dictionaries(st.sampled_from(["hanhua.a", "hanhua.b", "hanhua.c"]), st.sampled_from(["1", "2"]))


@given(HASHES, HASHES)
def test_every_difference_of_code_is_named_once(before: dict[str, str], now: dict[str, str]) -> None:
    lines = changed_code(before, now)
    assert lines == sorted(lines, key=lambda line: line.split()[1])
    named = {line.split()[1]: line.split()[0] for line in lines}
    for name in {*before, *now}:
        expected = "new" if name not in before else "gone" if name not in now else "changed"
        assert named.get(name) == (expected if before.get(name) != now.get(name) else None)
    assert changed_code(before, before) == []


@given(HASHES)
def test_a_record_is_the_same_after_json_and_does_not_drift_from_itself(code: dict[str, str]) -> None:
    record = Record(code, {"python": "3.11", "numpy": "2.0"})
    assert Record.from_json(record.as_json()) == record
    assert record.drift_to(record) == []


@pytest.mark.parametrize(
    ("then", "now", "lines"),
    [
        (Record({"a": "1"}, {}), Record({"a": "2"}, {}), ["code: changed a"]),
        (Record({"a": "1"}, {"python": "3.10"}), Record({"a": "2"}, {"python": "3.12"}), ["python: 3.10 → 3.12"]),
        (Record({}, {"numpy": "1"}), Record({"a": "2"}, {"numpy": "2"}), ["numpy: 1 → 2"]),
        (Record({}, {}), Record({"a": "2"}, {"numpy": "2"}), []),
        (Record({"a": "1"}, {"gone": "1"}), Record({"a": "1"}, {}), []),
    ],
)
def test_drift(then: Record, now: Record, lines: list[str]) -> None:
    assert then.drift_to(now) == lines


def test_of_many_modules_a_few_are_named() -> None:
    many = {f"m{number}": "1" for number in range(9)}
    (line,) = Record(many).drift_to(Record(dict.fromkeys(many, "2")))
    assert line.count("changed") == MAX_MODULES_NAMED and line.endswith("and 5 more")


@given(st.dictionaries(st.text(max_size=4), st.integers(), min_size=1), HASHES)
def test_a_key_is_of_the_material_alone(material: dict[str, int], code: dict[str, str]) -> None:
    one, other = Identity("s", "k", material, Record(code)), Identity("s", "k", dict(reversed(material.items())))
    assert one.key == other.key and len(one.key) == KEY_LENGTH
    name = next(iter(material))
    changed = Identity("s", "k", {**material, name: material[name] + 1})
    assert changed.key != one.key
    assert changed.difference_from(material) == [f"{name}: {material[name]} → {material[name] + 1}"]


CODE = '"""Doc."""\n\ndef double(x):\n    """Doc."""\n    assert x\n    return x * 2\n'


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (CODE.replace('"""Doc."""', '"""Another."""'), True),
        (CODE.replace("    assert x\n", ""), True),
        ("# comment\n" + CODE.replace("\n", "\n\n"), True),
        (CODE.replace("x * 2", "x * 3"), False),
        (CODE.replace("double", "twice"), False),
        (CODE.replace("x * 2", "x + 2"), False),
        (CODE + "LIMIT = 3\n", False),
        (CODE.replace("(x)", "(x, y=1)"), False),
    ],
)
def test_a_hash_of_code_knows_statements_and_not_layout(text: str, same: bool, tmp_path: Path) -> None:
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(CODE)
    after.write_text(text)
    assert (code_hash(before) == code_hash(after)) is same


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nfrom hanhua.a import (\n    b,\n    c as d,\n)\nimport hanhua.e\n"
        "if TYPE_CHECKING:\n    from hanhua.types_only import T\n\n"
        'def late():\n    from hanhua.f import g\n    return "hanhua.worker:main"\n# from hanhua.comment import x\n'
    )
    found = imported_modules(path)
    assert {"hanhua.a", "hanhua.a.b", "hanhua.a.c", "hanhua.e", "hanhua.f", "hanhua.f.g", "hanhua.worker"} <= found
    assert not {"hanhua.types_only", "hanhua.comment"} & found


def test_a_closure_holds_code_packages_and_word_lists() -> None:
    found = closure_hashes("hanhua.filtering.rules.boilerplate")
    assert list(found) == sorted(found)
    assert {"hanhua", "hanhua.filtering", "hanhua.zh_text.folding", "hanhua.filtering.rules/boilerplate.txt"} <= set(
        found
    )
    assert not [name for name in found if name.startswith(("hanhua.eval", "hanhua.cli"))]
    assert closure_hashes("hanhua.no_such_module") == {}
    assert source_of("json.nothing") is None


class Config(BaseModel):
    path: LocalPath
    size: int = 1


def test_files_count_by_content_and_not_by_place(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("same")
    hashes = FileHashes.forgetful()
    one, other = (config_material(Config(path=str(tmp_path / name / "a.txt")), hashes) for name in ("one", "other"))
    assert one == other and one["path"][0].startswith("a.txt sha256:")
    assert content_of(tmp_path / "one", hashes) == content_of(tmp_path / "other", hashes)
    (tmp_path / "other" / "a.txt").write_text("else")
    assert content_of(tmp_path / "one", hashes) != content_of(tmp_path / "other", FileHashes.forgetful())
    assert config_material(Config(path="org/name-on-the-hub"), hashes)["path"] == "org/name-on-the-hub"


def test_artifacts_of_earlier_versions_are_known_by_their_names() -> None:
    assert earlier_names("chat_vector") == ("chat_vector", "restore") and earlier_names("eval") == ("eval",)
    assert facts_as_today({"stand_in": True, "manners": 1, "documents": 2}) == {
        "toy": True,
        "chat_settings": 1,
        "documents": 2,
    }
    today = {"stage": "resize", "config": {}, "services": {}}
    assert as_today(today, {}) == today, "material of today is returned as it is"
    old = {
        "stage": "initialise",
        "skills": {"harm": "h", "contamination": "c"},
        "config": {"init": "mean"},
        "code": "x",
    }
    found = as_today(old, {"config": {"init": "mean", "new": None}})
    assert found["stage"] == "resize" and found["config"] == {"new": None, "init": "mean"}
    assert found["services"] == {"harm": "h"} and "code" not in found
