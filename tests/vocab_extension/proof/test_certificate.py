from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from broken_extensions import merge_over_kana, write_broken

from hanhua.cli import vocab_extension as command
from hanhua.cli.entry import run_command


@pytest.fixture(scope="module")
def certificate(base: Path, extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("certificate") / "cert.json"
    words = ["verify", extension, "--base", base, "--certificate", out]
    assert run_command(lambda: command.app([str(word) for word in words])) == 0
    return out


def confirm(certificate: Path, base: Path, extension: Path) -> tuple[int, str]:
    from hanhua.vocab_extension.proof.certificate import CHECKER

    words = [CHECKER, certificate, base / "tokenizer.json", extension / "tokenizer.json"]
    done = subprocess.run([sys.executable, "-I", *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout


def test_it_says_what_was_proved_and_what_was_tried_on_how_much(certificate: Path) -> None:
    data = json.loads(certificate.read_text(encoding="utf-8"))
    assert data["holds"]
    assert {claim["check"] for claim in data["proved"]} >= {"base_merges", "new_merges", "reachability"}
    assert {claim["check"] for claim in data["tried"]} >= {"round_trip", "unchanged", "transformers_parity"}
    assert all(claim["counter_examples"] == [] for claim in data["proved"] + data["tried"])
    assert sum(trial["without_han_bytes"] for trial in data["tried_on"]) > 100_000


def test_the_checker_confirms_it(certificate: Path, base: Path, extension: Path) -> None:
    code, said = confirm(certificate, base, extension)
    assert code == 0, said
    assert "ok     certificate" in said


@pytest.mark.parametrize(
    "name", ["base.sha256", "extended.sha256", "base.merges", "extended.ids", "extended.new_tokens", "extended.added"]
)
def test_a_changed_number_or_hash_is_named(
    certificate: Path, base: Path, extension: Path, tmp_path: Path, name: str
) -> None:
    data = json.loads(certificate.read_text(encoding="utf-8"))
    data["counts"][name] = data["counts"][name][::-1] if isinstance(data["counts"][name], str) else 7
    (tmp_path / "cert.json").write_text(json.dumps(data), encoding="utf-8")
    code, said = confirm(tmp_path / "cert.json", base, extension)
    assert code == 1
    assert f"{name}: it says {data['counts'][name]}" in said


def test_a_certificate_that_lies_is_named(
    certificate: Path, base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sound extension's claims, with the broken one's hashes and counts."""
    broken = write_broken(extension, merge_over_kana, tmp_path / "broken")
    words = ["verify", broken, "--base", base, "--structure-only", "--certificate", tmp_path / "true.json"]
    assert run_command(lambda: command.app([str(word) for word in words])) == 1
    true = json.loads((tmp_path / "true.json").read_text(encoding="utf-8"))
    named = {claim["check"]: claim["counter_examples"] for claim in true["proved"] if not claim["holds"]}
    assert set(named) == {"new_merges", "new_tokens"}
    assert "E3 82" in named["new_merges"][0]
    lie = json.loads(certificate.read_text(encoding="utf-8")) | {"counts": true["counts"]}
    (tmp_path / "lie.json").write_text(json.dumps(lie), encoding="utf-8")
    code, said = confirm(tmp_path / "lie.json", base, broken)
    assert code == 1
    assert "new_merges: it says True, and False is true" in said


def test_the_command_it_prints_confirms_it(
    base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a folder" / "cert.json"
    out.parent.mkdir()
    words = ["verify", extension, "--base", base, "--structure-only", "--certificate", out]
    assert run_command(lambda: command.app([str(word) for word in words])) == 0
    _, *rest = shlex.split(capsys.readouterr().out.strip().splitlines()[-1])
    assert subprocess.run([sys.executable, *rest], capture_output=True).returncode == 0
