"""What this machine can do, for users and for bug reports."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hanhua import __version__
from hanhua.artifacts.manifest import library_versions

EXTRAS: dict[str, tuple[str, ...]] = {
    "train": ("torch", "accelerate", "peft", "tensorboard"),
    "qlora": ("bitsandbytes",),
    "eval": ("torch", "accelerate", "lm_eval"),
    "scale": ("datasets",),
    "modelscope": ("modelscope_hub",),
    "cluster": ("datatrove", "orjson", "ray"),
    "classifier": ("sklearn", "scipy"),
    "report": ("jinja2", "matplotlib"),
    "view": ("jinja2", "starlette", "uvicorn"),
    "export": ("gguf",),
    "llama-cpp": ("gguf", "llama_cpp"),
    "docs": ("mkdocs", "material"),
    "trl": ("trl", "datasets"),
}
"""The modules of each optional part of pyproject.toml; a test holds the names equal."""
_LIBRARIES = ("transformers", "tokenizers", "torch", "peft", "accelerate", "lm_eval", "huggingface_hub", "opencc")


def diagnosis() -> dict[str, Any]:
    """Return what was found, by name."""
    found: dict[str, Any] = {
        "hanhua": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memory": _memory(),
        "free disk here": f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB",
    }
    found |= library_versions(_LIBRARIES)
    found |= {f"extra {extra}": readiness(extra) for extra in EXTRAS}
    found["Hub token"] = _hub_token()
    found["CUDA devices"] = _cuda_devices()
    return found


def readiness(extra: str) -> str:
    """Return `ready`, or what is missing of an optional part and how to install it."""
    missing = [module for module in EXTRAS[extra] if find_spec(module) is None]
    return f"missing {', '.join(missing)}: in a clone of Hanhua, pip install '.[{extra}]'" if missing else "ready"


def _memory() -> str:
    if not hasattr(os, "sysconf"):  # Windows
        return "not known"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"


def _hub_token() -> str:
    # Whether there is one; what it is is nobody's business.
    from huggingface_hub import get_token

    return "found" if get_token() else "none: set HF_TOKEN or run `hf auth login` (for gated models and publishing)"


def _cuda_devices() -> str:
    if find_spec("torch") is None:
        return "unknown without torch"
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(names) or "none"
