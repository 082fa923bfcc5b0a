"""Which code a function can reach, and a hash of it that comments, docstrings and layout do not change.

The closure is found by reading imports, those inside functions too; only packages are imported for it. Modules that are
only named (`"hanhua.continued_pretrain.worker"`, started as a process of its own) belong to it; what is imported for
type checking alone does not. Data files of the packages on the way (word lists, templates, weights) count by content.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType

from hanhua.artifacts.files import sha256_of

PACKAGE = "hanhua"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Hashes are of compiled code, so they are comparable under one version of Python only."""

_DATA = (".txt", ".json", ".jsonl", ".yaml", ".safetensors", ".jinja", ".css")
_SHORT = 12
_FROM = re.compile(rf"^[ \t]*from[ \t]+({PACKAGE}[\w.]*)[ \t]+import[ \t]*(\([^)]*\)|[^\n#]*)", re.MULTILINE)
_IMPORT = re.compile(rf"^[ \t]*import[ \t]+({PACKAGE}[\w.]+)", re.MULTILINE)
_NAMED = re.compile(rf"""["']({PACKAGE}(?:\.\w+)+)(?::\w+)?["']""")
_FOR_TYPES = re.compile(r"^if (?:typing\.)?TYPE_CHECKING:[^\n]*\n(?:[ \t]+[^\n]*\n|[ \t]*\n)*", re.MULTILINE)


@cache
def closure_hashes(entry: str) -> dict[str, str]:
    """Return a short hash for every module and data file that a module's code can reach, sorted by name.

    entry: a module, or `module:function`. Modules outside the package count by their versions, elsewhere.
    """
    waiting, seen = [entry.partition(":")[0]], set()
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = source_of(name)
        if path is None:
            continue
        found[name] = code_hash(path)
        waiting += imported_modules(path)
        # Importing a module runs the packages it is in.
        waiting.append(name.rpartition(".")[0])
        if path.name == "__init__.py" and name != PACKAGE:
            found |= _data_hashes(name, path.parent)
    return dict(sorted(found.items()))


def changed_code(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return what differs between two closures: `changed …`, `new …`, `gone …`."""
    lines = []
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            how = "new" if name not in before else "gone" if name not in now else "changed"
            lines.append(f"{how} {name}")
    return lines


@cache
def source_of(module: str) -> Path | None:
    """Return the source of a module; None for what is no module, or not written in Python."""
    package, _, name = module.rpartition(".")
    if not package:
        loaded = sys.modules.get(module) or (import_module(module) if module == PACKAGE else None)
        return _own_source(loaded)
    parent = source_of(package)
    if parent is None or parent.name != "__init__.py":
        return None
    for folder in import_module(package).__path__:
        for path in (Path(folder, name, "__init__.py"), Path(folder, f"{name}.py")):
            if path.is_file():
                return path
    # A package that lies elsewhere, as an editable installation of this one has it.
    return _own_source(sys.modules.get(module) or _importable(module))


def _importable(module: str) -> object | None:
    try:
        return import_module(module)
    except ModuleNotFoundError:
        return None


def _own_source(module: object) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if file is not None and file.endswith(".py") else None


@cache
def code_hash(path: Path) -> str:
    """Return a hash of a source file's statements: of its bytecode, without line numbers, docstrings and asserts."""
    code = compile(path.read_text(encoding="utf-8"), "source", "exec", optimize=2, dont_inherit=True)
    digest = hashlib.sha256()
    for part in _parts(code):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:_SHORT]


def _parts(code: CodeType) -> Iterator[str]:
    yield from (code.co_name, code.co_code.hex(), str(code.co_flags))
    yield from (repr(names) for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)
        elif isinstance(constant, frozenset):
            yield repr(sorted(map(repr, constant)))  # its own order differs from process to process
        else:
            yield repr(constant)


@cache
def imported_modules(path: Path) -> frozenset[str]:
    """Return the modules of the package that a source file imports or names in a string, and some that do not exist."""
    text = _FOR_TYPES.sub("", path.read_text(encoding="utf-8"))
    found = {match[1] for pattern in (_IMPORT, _NAMED) for match in pattern.finditer(text)}
    for match in _FROM.finditer(text):
        names = (name.split(" as ")[0].strip() for name in match[2].strip("()").split(","))
        found |= {match[1], *(f"{match[1]}.{name}" for name in names if name.isidentifier())}
    return frozenset(found)


def _data_hashes(package: str, folder: Path) -> dict[str, str]:
    """Return the hashes of a package's own data: of its folder and those below that are no packages themselves."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in _DATA:
            found[f"{package}/{path.name}"] = sha256_of(path)[:_SHORT]
        elif path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").is_file():
            found |= _data_hashes(f"{package}/{path.name}", path)
    return found
