"""The house rules, held by a test: import direction, sizes, names, torch-free paths, no machine's paths."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import ROOT

MAPPED = ("vocab_extension", "continued_pretrain", "filtering", "eval")
"""Packages at the top of the repository."""
STAGES = (*MAPPED, "base", "release", "report")
"""Packages of stages: `vocab_extension` holds three, `resize` and `chat_vector` below it."""
FOLDERS = {"hanhua": ROOT / "src" / "hanhua", **{f"hanhua.{name}": ROOT / name for name in MAPPED}}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
BANNED_NAMES = {"utils", "util", "common", "helpers", "core", "misc"}


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            inner = path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
            yield f"{package}.{inner}".removesuffix(".__init__"), path


MODULES = dict(modules())


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)


def owner(module: str) -> str:
    """Return the stage a module belongs to, `pipeline`, `experiments`, `cli`, `api`, or `spine`."""
    parts = module.split(".")
    part = parts[1] if len(parts) > 1 else ""
    return part if part in (*STAGES, "pipeline", "experiments", "cli", "api") else "spine"


@pytest.mark.parametrize("module", MODULES)
def test_imports_flow_one_way(module: str) -> None:
    allowed = {
        "spine": {"spine"},
        "pipeline": {"spine", "pipeline", *STAGES},
        "experiments": {"spine", "experiments", *STAGES},
        "cli": {"spine", "cli", "pipeline", "experiments", *STAGES},
        "api": {"spine", "api", "cli", "pipeline", "experiments", *STAGES},
        **{stage: {"spine", stage} for stage in STAGES},
    }[owner(module)]
    if module == "hanhua":  # for type checkers alone: its names are looked up when they are used
        allowed = {*allowed, "api"}
    for imported in imports_of(MODULES[module]):
        if imported.split(".")[0] == "hanhua":
            assert owner(imported) in allowed, f"{module} imports {imported}"
        assert imported.split(".")[0] not in MAPPED, f"{module} imports {imported} past the hanhua namespace"
        assert imported.split(".")[0] not in ("pickle", "cloudpickle", "dill"), f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_are_small(module: str) -> None:
    path = MODULES[module]
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_FILE_LINES, f"{path}: more than {MAX_FILE_LINES} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{path}:{node.lineno} {node.name}: {lines} lines"


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_named_for_what_they_hold(module: str) -> None:
    assert module.split(".")[-1] not in BANNED_NAMES
    assert ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8"))), f"{module} has no docstring"


def test_every_package_is_in_the_build_and_the_type_check() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for module, path in MODULES.items():
        if path.name == "__init__.py":
            assert f'"{module}"' in project, f"{module} is missing from [tool.setuptools] packages"
    linked = {path.name for path in (ROOT / ".types" / "hanhua").iterdir() if path.name != "__pycache__"}
    held = {path.name for path in FOLDERS["hanhua"].iterdir() if path.name != "__pycache__"}
    assert linked == held | {*MAPPED, "recipes"}


@pytest.mark.parametrize(
    "module",
    [
        "hanhua.filtering.stage",
        "hanhua.vocab_extension.config",
        "hanhua.pipeline.recipe.schema",
        "hanhua.cli.main",
        "hanhua.cli.vocab_extension",
    ],
)
def test_imports_without_torch(module: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; import {module}; sys.exit('torch._C' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nothing_speaks_of_a_machine() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    absolute = re.compile(r"(?<![\w./-])/(?:home|root|work|Users)/\w")
    for name in tracked:
        path = ROOT / name
        if path.is_file() and not path.is_symlink() and path.suffix in (".py", ".md", ".yaml", ".toml", ".txt", ""):
            found = absolute.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{name}: {found and found[0]}"
