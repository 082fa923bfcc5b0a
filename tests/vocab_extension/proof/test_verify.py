"""Breaks an extension in the ways people break them; verify must name each."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree

import pytest
from broken_extensions import BROKEN, WAYS, Breaks, merge_over_kana, normalizer_added, write_broken

from hanhua.cli import vocab_extension as command
from hanhua.cli.entry import run_command
from hanhua.errors import InputError, InvariantError
from hanhua.vocab_extension.proof.verify import examine, failure_lines, raise_if_broken, verify_extension


def run(*words: object) -> int:
    return run_command(lambda: command.app([str(word) for word in words]))


@pytest.mark.parametrize(("breaks", "check", "words"), BROKEN)
def test_what_is_broken_is_named(
    base: Path, extension: Path, tmp_path: Path, breaks: Breaks, check: str, words: str
) -> None:
    broken = write_broken(extension, breaks, tmp_path / "broken")
    checks = {found.name: found for found in verify_extension(broken, base=base, structure_only=True)}
    assert not checks[check].holds
    assert any(words in problem for problem in checks[check].problems), checks[check].problems
    with pytest.raises(InvariantError, match=check):
        raise_if_broken(checks.values())


@pytest.mark.parametrize("breaks", WAYS)
def test_the_command_names_it_and_ends_with_1(
    base: Path, extension: Path, tmp_path: Path, breaks: Breaks, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_broken(extension, breaks, tmp_path / "broken")
    assert run("verify", broken, "--base", base, "--structure-only", "--require", "han-only") == 1
    said = capsys.readouterr().out
    for name in (check for how, check, _ in BROKEN if how is breaks):
        assert f"BROKEN proved {name}: " in said


def test_ours_holds(base: Path, extension: Path, texts: list[str]) -> None:
    checks = verify_extension(extension, base=base, texts={"zh": texts[:20]})
    assert failure_lines(checks) == []
    assert set(raise_if_broken(checks).values()) == {"ok"}


def test_the_real_llama3_extended_holds(llama3: Path, llama3_extension: Path) -> None:
    assert failure_lines(verify_extension(llama3_extension, base=llama3)) == []


def test_a_wrong_product_is_shown_on_a_text_without_han(base: Path, extension: Path, tmp_path: Path) -> None:
    broken = write_broken(extension, merge_over_kana, tmp_path / "broken")
    unchanged = {check.name: check for check in verify_extension(broken, base=base)}["unchanged"]
    assert any("'む' was 3 tokens, is 2" in problem for problem in unchanged.problems), unchanged.problems


def test_an_extension_of_another_base_is_broken(base: Path, extension: Path) -> None:
    checks = verify_extension(base, base=extension, structure_only=True)
    assert {"base_tokens", "base_merges"} <= {check.name for check in checks if not check.holds}


def test_the_base_itself_is_no_extension(base: Path) -> None:
    checks = {check.name: check for check in verify_extension(base, base=base, structure_only=True)}
    assert checks["new_tokens"].problems == ("there is no new token",)
    assert all(check.holds for name, check in checks.items() if name != "new_tokens")


def test_changed_settings_are_named(base: Path, extension: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    copytree(extension, broken)
    (broken / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    said = json.loads((broken / "extension.json").read_text(encoding="utf-8"))
    (broken / "extension.json").write_text(json.dumps({**said, "first_new_id": 1000}), encoding="utf-8")
    config = json.loads((broken / "tokenizer_config.json").read_text(encoding="utf-8"))
    config |= {"eos_token": "<|eot_id|>", "name_or_path": "mine"}
    (broken / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    settings = {check.name: check for check in verify_extension(broken, base=base)}["settings"]
    assert settings.number == 3
    assert any("tokenizer_config.json: differs from the base's (eos_token)" in p for p in settings.problems)


def test_a_broken_file_stops_no_check(base: Path, extension: Path, tmp_path: Path) -> None:
    def merges_of_nothing(data: dict[str, dict[str, object]]) -> None:
        data["model"]["merges"] = [["no", "token"]]

    found = examine(write_broken(extension, merges_of_nothing, tmp_path / "broken"), base=base)
    checks = {check.name: check for check in found.checks}
    assert "cannot even be checked" in checks["unchanged"].problems[0]
    assert not checks["base_merges"].holds
    assert checks["base_tokens"].holds
    assert found.trials == ()


def test_a_folder_without_a_tokenizer_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.json: no such file"):
        verify_extension(tmp_path, base=base)


def test_json_has_what_was_tried_and_how_japanese_changes(
    base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "en.txt").write_text("plain text\n" * 100, encoding="utf-8")
    (tmp_path / "ja.txt").write_text("日本の歴史と文化を説明する本です。\n", encoding="utf-8")
    files = sorted(tmp_path.glob("*.txt"))
    assert run("verify", extension, "--base", base, "--texts", *files, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"]
    by_name = {trial["name"]: trial for trial in data["texts"]}
    assert by_name[str(files[0])]["without_han_bytes"] == len("plain text") * 100
    assert data["without_han_bytes"] >= sum(trial["without_han_bytes"] for trial in data["texts"][:1]) > 0
    japanese = by_name[str(files[1])]["japanese"]
    assert japanese["bytes"] == len("日本の歴史と文化を説明する本です。".encode())
    assert japanese["extended_tokens"] <= japanese["base_tokens"]
    assert by_name["built-in Japanese"]["japanese"]["extended_tokens"] > 0
    assert by_name["built-in Korean with hanja"]["korean"]["extended_tokens"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--structure-only", "--texts", "x.txt"), "--structure-only tries no text"),
        (("--certificate", "nowhere/cert.json"), "no such folder to write the certificate into"),
    ],
)
def test_wrong_use_is_refused_before_any_work(
    base: Path, extension: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert run("verify", extension, "--base", base, *words) == 2
    assert message in capsys.readouterr().err


def test_llama_cpp_is_one_more_check(base: Path, extension: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run("verify", extension, "--base", base, "--llama-cpp")
    said = capsys.readouterr()
    if find_spec("llama_cpp") and find_spec("gguf"):
        assert (done, "ok     tried  llama_cpp_parity: " in said.out) == (0, True)
    else:
        assert (done, "needs optional packages" in said.err) == (2, True)


def test_the_report_is_for_people(
    base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", extension, "--base", base) == 0
    said = capsys.readouterr().out
    assert "MB of text without Han compared id by id" in said
    assert "tokens" in said.split("what changes, unavoidably: Japanese and Korean text")[1]
    broken = write_broken(extension, normalizer_added, tmp_path / "broken")
    assert run("verify", broken, "--base", base) == 1
    assert "pipeline: 1 broken" in capsys.readouterr().out
