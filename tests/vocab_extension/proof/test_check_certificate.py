"""The independent checker: it trusts nothing of ours, and finds the same."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from broken_extensions import BROKEN, WAYS, Breaks, write_broken
from hypothesis import given
from hypothesis import strategies as st

from hanhua.bits import bytes_to_token
from hanhua.cli import vocab_extension as command
from hanhua.cli.entry import run_command
from hanhua.vocab_extension.proof import check_certificate
from hanhua.vocab_extension.proof.han_bytes import fault_of
from hanhua.zh_text.scripts import is_han

CLAIMS = {claim.__name__ for claim in check_certificate.CLAIMS}
CHECKER = Path(str(check_certificate.__file__))


def confirm(*places: Path) -> tuple[int, str]:
    """Run the checker by its path, with no way to anything that is installed."""
    done = subprocess.run([sys.executable, "-I", "-S", CHECKER, *places], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_it_imports_the_standard_library_alone_and_can_be_read() -> None:
    source = CHECKER.read_text(encoding="utf-8")
    imported = {
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported == {"__future__", "hashlib", "json", "sys", "typing"}
    assert "import_module" not in source
    assert "__import__" not in source
    code = re.sub(r'"""[\s\S]*?"""', "", source)
    assert sum(bool(line.split("#")[0].strip()) for line in code.splitlines()) < 150


@pytest.mark.parametrize("breaks", WAYS)
def test_every_broken_extension_is_named_with_and_without_a_certificate(
    base: Path, extension: Path, tmp_path: Path, breaks: Breaks
) -> None:
    broken = write_broken(extension, breaks, tmp_path / "broken")
    files = base / "tokenizer.json", broken / "tokenizer.json"
    code, said = confirm(*files)
    assert code == 1
    for name in {check for how, check, _ in BROKEN if how is breaks} & CLAIMS:
        assert f"BROKEN {name}: " in said, said
    certificate = tmp_path / "cert.json"
    words = ["verify", broken, "--base", base, "--structure-only", "--certificate", certificate]
    assert run_command(lambda: command.app([str(word) for word in words])) == 1
    code, said = confirm(certificate, *files)
    assert code == 1
    assert "ok     certificate" in said, said


def test_a_sound_extension_is_confirmed(base: Path, extension: Path) -> None:
    code, said = confirm(base / "tokenizer.json", extension / "tokenizer.json")
    assert code == 0
    assert "BROKEN" not in said


def test_wrong_use_and_unreadable_files_are_said_in_a_sentence(base: Path, tmp_path: Path) -> None:
    assert confirm(base)[0] == 2
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    code, said = confirm(base / "tokenizer.json", tmp_path / "x.json")
    assert code == 1
    assert "cannot be read" in said
    assert "Traceback" not in said


def test_its_own_han_is_ours() -> None:
    for code in [*range(0xD800), *range(0xE000, 0x110000)]:
        assert check_certificate.is_han(code, code) == is_han(chr(code)), hex(code)


@given(
    st.one_of(
        st.binary(max_size=7),
        st.tuples(st.text("aむ我，𠮷😀䷀", max_size=3), st.integers(0, 9), st.integers(0, 9)).map(
            lambda cut: cut[0].encode()[cut[1] : cut[2]]
        ),
    )
)
def test_it_judges_bytes_as_we_do(data: bytes) -> None:
    assert (check_certificate.fault(bytes_to_token(data)) is None) == (fault_of(data) is None)
