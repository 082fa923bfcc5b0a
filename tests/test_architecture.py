"""The house rules, held by a test: import direction, sizes, names, legends of shapes, what stages declare and reach,
torch-free paths, tests that mirror the tree, no machine's paths."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from repository import ROOT

from hanhua.artifacts.code_closure import closure_hashes
from hanhua.pipeline.stages import DECLARATIONS, stages
from hanhua.stage import Stage

MAPPED = ("vocab_extension", "continued_pretrain", "filtering", "synthesis", "eval")
"""Packages at the top of the repository."""
STAGES = (*MAPPED, "base", "release", "report")
"""Packages of stages: `vocab_extension` holds three, `resize` and `chat_vector` below it."""
FOLDERS = {"hanhua": ROOT / "src" / "hanhua", **{f"hanhua.{name}": ROOT / name for name in MAPPED}}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
BANNED_NAMES = {"utils", "util", "common", "helpers", "core", "misc"}
TESTS = ROOT / "tests"
TESTS_OF_NO_PACKAGE = {"docs"}
"""Folders of tests that mirror a folder of the repository which is no package."""
READ_BY_ANY_TEST = {"artifacts", "documents"}
"""Packages with which any test looks at what was made; they say what a test is about only where it imports no other."""
SHAPED = re.compile(r"[a-z_][a-z0-9_]*_([A-Z]+)1?")
"""A name with letters of a shape: `rows_VD`, `totals_B1`."""


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            inner = path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
            yield f"{package}.{inner}".removesuffix(".__init__"), path


MODULES = dict(modules())
PACKAGES = tuple(f"{name}." for name, path in MODULES.items() if path.name == "__init__.py" and name.count(".") == 1)
"""Beginnings of the names of modules inside packages: `hanhua.filtering.` …"""


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)


def imported_names(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the module and the names of each `from module import names`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module), [alias.name for alias in node.names]


def owner(module: str) -> str:
    """Return the stage a module belongs to, `pipeline`, `experiments`, `view`, `cli`, `api`, or `spine`."""
    parts = module.split(".")
    part = parts[1] if len(parts) > 1 else ""
    return part if part in (*STAGES, "pipeline", "experiments", "view", "cli", "api") else "spine"


@pytest.mark.parametrize("module", MODULES)
def test_imports_flow_one_way(module: str) -> None:
    allowed = {
        "spine": {"spine"},
        "pipeline": {"spine", "pipeline", *STAGES},
        "experiments": {"spine", "experiments", *STAGES},
        "view": {"spine", "view", "pipeline", *STAGES},
        "cli": {"spine", "cli", "view", "pipeline", "experiments", *STAGES},
        "api": {"spine", "api", "cli", "view", "pipeline", "experiments", *STAGES},
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
    assert text_of(path).count("\n") <= MAX_FILE_LINES, f"{path}: more than {MAX_FILE_LINES} lines"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{path}:{node.lineno} {node.name}: {lines} lines"


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_named_for_what_they_hold(module: str) -> None:
    assert module.split(".")[-1] not in BANNED_NAMES
    assert ast.get_docstring(tree_of(MODULES[module])), f"{module} has no docstring"


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


def names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Attribute):
            yield node.attr


@pytest.mark.parametrize("module", MODULES)
def test_letters_of_shapes_are_explained(module: str) -> None:
    """`Shape suffixes: V vocabulary rows, D hidden size.` stands in the docstring of a module that names `rows_VD`."""
    tree = tree_of(MODULES[module])
    letters = {letter for name in names_in(tree) if (found := SHAPED.fullmatch(name)) for letter in found[1]}
    head = ast.get_docstring(tree) or ""
    legend = re.search(r"^Shape suffix(?:es)?: (.*?)(?:\n\n|\Z)", head, re.DOTALL | re.MULTILINE)
    explained = set(re.findall(r"(?:^|[,;]\s)([A-Z])\s", legend[1])) if legend else set()
    assert letters == explained, f"{module}: names have the letters {sorted(letters)}, its legend {sorted(explained)}"


def test_every_folder_of_tests_mirrors_a_package() -> None:
    packages = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    for folder in TESTS.rglob("*/"):
        name = folder.relative_to(TESTS).as_posix()
        if "__pycache__" not in name and any(folder.rglob("*.py")) and name not in TESTS_OF_NO_PACKAGE:
            assert f"hanhua.{name.replace('/', '.')}" in packages, f"tests/{name} mirrors no package"


@pytest.mark.parametrize("path", sorted(TESTS.glob("*/**/test_*.py")), ids=lambda path: path.stem)
def test_a_test_lies_where_what_it_imports_most_lies(path: Path) -> None:
    """Counted in names; a tie is good enough. One that only starts the program imports nothing, and lies anywhere."""
    folder = path.relative_to(TESTS).parts[0]
    # With `cli.entry` a test of any package runs a command.
    about = Counter(
        module.split(".")[1]
        for module, names in imported_names(path)
        if f"{module}.".startswith(PACKAGES) and module != "hanhua.cli.entry"
        for _ in names
    )
    for name in READ_BY_ANY_TEST - {folder}:
        del about[name]
    assert not about or folder in TESTS_OF_NO_PACKAGE or about[folder] == max(about.values()), about


def test_recipes_hold_no_code() -> None:
    assert not list((ROOT / "recipes").rglob("*.py"))


def test_stages_declare_themselves_without_torch() -> None:
    declaring = [reference.partition(":")[0] for reference in DECLARATIONS]
    assert {name for name in MODULES if name.endswith(".declaration")} == set(declaring)
    code = f"import sys; sys.modules['torch'] = None; import {', '.join(declaring)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


STAGE_AND_DECLARATION = list(zip(stages(), DECLARATIONS, strict=False))


@pytest.mark.parametrize(
    ("stage", "declaration"), STAGE_AND_DECLARATION, ids=[s.name for s, _ in STAGE_AND_DECLARATION]
)
def test_a_stage_s_folder_holds_what_it_declares(stage: Stage, declaration: str) -> None:
    module, _, name = declaration.partition(":")
    assert name == "STAGE" and module.rpartition(".")[2] == "declaration"
    place, _, function = stage.function.partition(":")
    assert place.startswith(f"{module.rpartition('.')[0]}."), f"{stage.function} lies outside the stage's folder"
    assert callable(stage.resolve()) and stage.resolve().__name__ == function
    assert stage.section.__module__.startswith(f"{module.rpartition('.')[0]}.")


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.name)
def test_a_stage_s_key_covers_all_code_it_can_reach(stage: Stage) -> None:
    """What a fresh process really imports, and what a syntax tree finds: neither goes by the expressions of the key."""
    entry = stage.function.partition(":")[0]
    code = f"import sys, {entry}; print(*(name for name in sys.modules if name.split('.')[0] == 'hanhua'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    covered = set(closure_hashes(stage.function))
    assert len(done.stdout.split()) > 10
    assert set(done.stdout.split()) <= covered
    assert reached_from(entry) <= covered


def reached_from(entry: str) -> set[str]:
    """Return the modules of the package that a module imports, and that these import, inside functions too."""
    waiting, seen = {entry}, set[str]()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        waiting |= {name for name in runtime_imports(module) if name in MODULES} - seen
    return seen


@cache
def runtime_imports(module: str) -> set[str]:
    """Return what a module imports, submodules too (`from hanhua.x import y`), but for what is for type checkers."""
    tree = tree_of(MODULES[module])
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found = {module.rpartition(".")[0]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in for_types:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and id(node) not in for_types:
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def imported_at_once(tree: ast.Module) -> Iterator[str]:
    """Yield what a module imports when it is imported itself: all but what stands inside functions."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def test_the_tokenizer_s_command_imports_nothing_that_only_unix_has() -> None:
    for module in reached_from("hanhua.cli.vocab_extension"):
        found = set(imported_at_once(tree_of(MODULES[module])))
        assert not found & {"fcntl", "resource"}, f"{module} imports {found & {'fcntl', 'resource'}} at its top"
