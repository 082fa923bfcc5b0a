"""Sound extensions by others are called sound, whether or not they keep to Han; the base is found by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from broken_extensions import hole_in_ids, special_ids_moved, write_broken
from foreign_extensions import FOREIGN, ONLY_HAN, english_domain

from hanhua.cli import vocab_extension as command
from hanhua.cli.entry import run_command
from hanhua.errors import UsageError
from hanhua.vocab_extension.clinic.base_guess import guess_base
from hanhua.vocab_extension.clinic.diagnose import diagnose
from hanhua.vocab_extension.proof.verify import examine, failure_lines


def run(*words: object) -> int:
    return run_command(lambda: command.app([str(word) for word in words]))


@pytest.mark.parametrize("structure_only", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FOREIGN)
def test_it_is_sound(base: Path, tmp_path: Path, name: str, structure_only: bool) -> None:
    try:
        folder = FOREIGN[name](base, tmp_path / "made")
    except ImportError as missing:
        pytest.skip(f"{missing.name} is not installed")
    found = examine(folder, base=base, structure_only=structure_only)
    sound = [check for check in found.checks if check.promise == "sound"]
    assert found.sound, failure_lines(sound)
    assert diagnose(found.pair) == []
    # What transformers saves has settings of its own, which are not the base's.
    assert bool(set(found.broken("han only")) - {"settings"}) is (name not in ONLY_HAN), failure_lines(found.checks)


def test_the_exit_code_follows_what_is_required(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = english_domain(base, tmp_path / "medicine")
    assert run("verify", folder, "--base", base, "--structure-only") == 0
    said = capsys.readouterr().out
    assert f"{folder}: sound; other text than Chinese changes as well" in said
    assert "BROKEN" not in said and "no     proved new_tokens" in said
    assert run("verify", folder, "--base", base, "--structure-only", "--require", "han-only") == 1
    assert run("verify", folder, "--base", base, "--structure-only", "--json") == 0
    data = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert (data["sound"], data["han_only"], data["faults"]) == (True, False, [])


def test_a_fault_is_told_with_its_remedy_and_repaired_by_the_command(
    base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_broken(extension, hole_in_ids, tmp_path / "theirs")
    reports = ("--report", tmp_path / "r.md", "--report", tmp_path / "r.html")
    assert run("verify", broken, "--base", base, "--structure-only", *reports) == 1
    said = capsys.readouterr().out
    assert "fault: holes in ids (10): rows without a token" in said
    assert f"next: vocab-extension repair {broken}" in said
    assert "| holes in ids | 10 |" in (tmp_path / "r.md").read_text(encoding="utf-8")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "holes in ids" in page and "id 有空缺" in page and "@@" not in page
    assert str(tmp_path) not in page and "src=" not in page
    assert run("repair", broken, "--base", base, "--out", tmp_path / "mended") == 0
    said = capsys.readouterr().out
    assert "512 new tokens, 0 dropped" in said and "1 ids have another token now" in said
    told: dict[str, Any] = json.loads((tmp_path / "mended/repair.json").read_text(encoding="utf-8"))
    assert told["rows_from"] == {"1535": 1545} and told["han_only"]


@pytest.mark.parametrize("name", ["page.pdf", "nowhere/page.html"])
def test_a_report_that_cannot_be_written_is_refused_first(base: Path, tmp_path: Path, name: str) -> None:
    assert run("verify", tmp_path, "--base", base, "--report", tmp_path / name) == 2


@pytest.mark.slow
def test_the_base_is_found_among_the_packaged_ones(llama3_extension: Path, tmp_path: Path) -> None:
    guess = guess_base(llama3_extension)
    assert (guess.name, guess.share, guess.special_share) == ("llama3", 1.0, 1.0)
    broken = write_broken(llama3_extension, special_ids_moved, tmp_path / "broken")
    assert guess_base(broken).name == "llama3"


@pytest.mark.slow
def test_an_unknown_base_is_asked_for(extension: Path) -> None:
    with pytest.raises(UsageError, match=r"the nearest is .* Name the tokenizer it was made from: --base"):
        guess_base(extension)
