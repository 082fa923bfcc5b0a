"""Every result has a page and its figures as JSON that say the same; the committed index is what the pages make."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from documented import ROOT
from results_index import COMMAND, FOLDER, index_text, page_head, read_results, successors

RESULTS = read_results()
NAMES = [result.name for result in RESULTS]
HEAD = """---
title: A page
title_zh: 一页
date: 2026-11-30
commit: "0123456789ab"
machine: a machine
commands:
  - make quickstart
area: quickstart
---
"""


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def data(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "data" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def cell(text: str) -> object:
    """Return a cell as JSON has it: a bare number as a number, an empty cell as nothing, else the text."""
    text = text.strip()
    if re.fullmatch(r"-?(\d{1,3}(,\d{3})+|\d+)", text):
        return int(text.replace(",", ""))
    return float(text) if re.fullmatch(r"-?\d+\.\d+", text) else text or None


def tables(text: str) -> list[dict[str, Any]]:
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        head, _, *rows = [line.strip()[1:-1].split("|") for line in block.splitlines()]
        columns = [one.strip() for one in head]
        found.append({"columns": columns, "rows": [[cell(one) for one in row] for row in rows]})
    return found


def test_the_committed_index_is_not_stale() -> None:
    done = subprocess.run([sys.executable, *COMMAND.split()[1:], "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_stale_index_is_said_and_remade(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs" / "results" / "2026-11-30-page.md").write_text(HEAD, encoding="utf-8")

    def run(*more: str) -> Any:
        line = [sys.executable, *COMMAND.split()[1:], *more]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)

    stale = run("--check")
    assert stale.returncode == 1 and "index.zh-CN.md" in stale.stderr and COMMAND in stale.stderr
    assert run().returncode == 0 and run("--check").returncode == 0
    assert "[一页](2026-11-30-page.md)" in (tmp_path / "docs" / "results" / "index.zh-CN.md").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_page_and_data_are_of_one_measurement(name: str) -> None:
    result = next(one for one in RESULTS if one.name == name)
    found, text = data(name), page(name).split("---\n", 2)[2]
    assert text.lstrip().startswith(f"# {result.title}\n"), "the title below the head is another"
    assert f"(data/{name}.json)" in text, "the page has no link to its figures"
    assert not found["commit"].endswith("-dirty"), "measured with uncommitted changes: commit, and measure again"
    assert found["commit"].startswith(result.commit) and found["date"] == result.date
    assert {"benchmark", "machine", "versions", "results"} <= found.keys()
    assert tables(text), "a result has a table"
    if found.get("transcribed"):
        assert found["results"] == tables(text)
    else:
        assert found["benchmark"] and "arguments" in found


def test_every_file_of_figures_has_a_page() -> None:
    assert sorted(path.stem for path in (FOLDER / "data").iterdir()) == sorted(NAMES)


def test_transcribed_figures_bear_the_date_of_their_commit() -> None:
    for result in RESULTS:
        if data(result.name).get("transcribed"):
            line = ["git", "show", "--no-patch", "--format=%cs", data(result.name)["commit"]]
            done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                pytest.skip("the history is not here")
            assert done.stdout.strip() == result.date, result.name


@pytest.mark.parametrize("name", NAMES)
def test_a_page_speaks_of_its_own_measurement(name: str) -> None:
    found = re.search(r"measured (again|before)|/(home|root|work|tmp)/", page(name) + json.dumps(data(name)))
    assert found is None, found and found[0]


def test_the_index_marks_what_is_superseded() -> None:
    replaced = successors(RESULTS)
    assert replaced and set(replaced) < set(NAMES)
    for chinese, said in ((False, "superseded by"), (True, "已被取代")):
        lines = index_text(RESULTS, chinese=chinese).splitlines()
        for name in NAMES:
            (row,) = (line for line in lines if line.split("|")[2:3] and f"({name}.md)" in line.split("|")[2])
            assert (said in row) == (name in replaced)
            assert all(f"({newer}.md)" in row for newer in replaced.get(name, ()))


def test_the_site_shows_a_head() -> None:
    (old, (new, *_)), *_ = successors(RESULTS).items()
    shown = page_head(old, RESULTS)
    result = next(one for one in RESULTS if one.name == old)
    assert f"({new}.md)" in shown and result.commit in shown and result.machine in shown
    assert all(command in shown for command in result.commands)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("date: 2026-11-30", "date: 2026-11-29", "should be 2026-11-29-topic.md"),
        ('commit: "0123456789ab"', 'commit: "main"', "hex digits"),
        ("area: quickstart", "area: speed", "known are quickstart"),
        ("machine: a machine\n", "", "machine"),
        ("area: quickstart", "area: quickstart\nsuperseeds: []", "superseeds"),
        ("area: quickstart", "area: quickstart\nsupersedes: [2026-11-01-gone]", "has no page"),
        ("area: quickstart", "area: quickstart\nsupersedes: [2026-11-30-page]", "not older"),
        ("area: quickstart", "area: quickstart\nsupersedes: [2026-12-01-later]", "not older"),
        ("---\ntitle", "title", "begins with no head"),
    ],
)
def test_a_mistake_in_a_head_is_said(tmp_path: Path, was: str, now: str, said: str) -> None:
    later = HEAD.replace("2026-11-30", "2026-12-01")
    (tmp_path / "2026-12-01-later.md").write_text(later, encoding="utf-8")
    (tmp_path / "2026-11-30-page.md").write_text(HEAD, encoding="utf-8")
    assert [result.date for result in read_results(tmp_path)] == ["2026-12-01", "2026-11-30"]
    assert was in HEAD
    (tmp_path / "2026-11-30-page.md").write_text(HEAD.replace(was, now, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(said)):
        read_results(tmp_path)
