"""Hanhua (汉化): takes an open Llama 3 checkpoint and makes it Chinese.

`import hanhua` imports nothing heavy: each name below is imported when it is first used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hanhua.api.models import evaluate, publish, resize, restore, train
    from hanhua.api.texts import filter_texts, score
    from hanhua.api.tokenizers import learn, measure, verify

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "evaluate",
    "filter_texts",
    "learn",
    "measure",
    "publish",
    "resize",
    "restore",
    "score",
    "train",
    "verify",
]


def on_demand(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__` (PEP 562).

    places: the names of each module, apart by spaces, by the module's name without the package's. So it is no import
    to whoever reads the sources for what a function can reach (`hanhua.artifacts.code_closure`).
    """
    module_of = {name: module for module, names in places.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"{package}.{module_of[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of})

    return get, names


if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "api.tokenizers": "learn verify measure",
            "api.texts": "filter_texts score",
            "api.models": "resize train evaluate restore publish",
        },
    )
