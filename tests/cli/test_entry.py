from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, NoReturn

import pytest
import typer

from hanhua.cli import main, vocab_extension
from hanhua.cli.entry import run_command
from hanhua.errors import GateError, HanhuaError, InputError
from hanhua.renamed import OPTIONS


def raising(error: BaseException) -> NoReturn:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (InputError("texts.jsonl: no such file"), 2, "error: texts.jsonl: no such file"),
        (HanhuaError("it failed"), 1, "error: it failed"),
        (GateError("min_gain: 0.1"), 3, "error: min_gain"),
        (KeyboardInterrupt(), 130, "run the same command again"),
        (SystemExit(130), 130, "run the same command again"),
        (SystemExit(2), 2, ""),
        (SystemExit(None), 0, ""),
        (OSError(errno.ENOSPC, "No space left on device", "big.bin"), 1, "big.bin: No space left on device; free some"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 1, "x: Permission denied"),
    ],
)
def test_each_end_has_its_code_and_one_sentence(
    error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: raising(error)) == code
    shown = capsys.readouterr()
    assert says in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_a_program_error_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 // 0)


def test_a_command_that_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()
    app.command()(lambda: print("done"))
    assert run_command(lambda: app([])) == 0
    assert capsys.readouterr().out == "done\n"


@pytest.mark.parametrize("old", sorted(OPTIONS))
def test_an_option_of_earlier_versions_is_told_its_name_of_today(
    old: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in (old, f"{old}=x"):
        monkeypatch.setattr("sys.argv", ["hanhua", "filter", "run", word, "y"])
        assert run_command(lambda: pytest.fail("the command was run")) == 2
        assert f"{old} is called {OPTIONS[old]} now" in capsys.readouterr().err


def test_no_option_of_today_is_called_as_an_old_one() -> None:
    def options(command: Any) -> set[str]:
        own = {name for parameter in command.params for name in parameter.opts}
        return own.union(*map(options, getattr(command, "commands", {}).values()))

    for app in (main.app, vocab_extension.app):
        found = options(typer.main.get_command(app))
        assert not found & set(OPTIONS) and found >= {"--json"}
    assert {"--config", "--reference"} <= options(typer.main.get_command(main.app))


def test_a_pipe_gets_chinese_and_rules_where_its_code_page_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    pipe = io.TextIOWrapper(written, encoding="cp1252")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        with pytest.raises(UnicodeEncodeError):
            run_command(lambda: print("汉化 ──"))
        patch.setattr(os, "name", "nt")
        code = run_command(lambda: print("汉化 ──"))
    pipe.flush()
    assert code == 0
    assert written.getvalue().decode("utf-8").split() == ["汉化", "──"]


@pytest.mark.parametrize("program", [main, vocab_extension])
def test_short_help_and_version_are_where_people_look(
    program: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hanhua import __version__

    command = "plan" if program is main else "verify"
    for words, said in ((["-h"], "Usage"), ([command, "-h"], "Usage"), (["--version"], f"hanhua {__version__}")):
        monkeypatch.setattr(sys, "argv", ["program", *words])
        assert run_command(program.app) == 0
        assert said in capsys.readouterr().out
