"""What the machine at hand can do, for people and for bug reports."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hanhua import __version__
from hanhua.artifacts.manifest import library_versions

_EXTRAS = {"train": ("torch", "peft", "accelerate"), "eval": ("torch", "lm_eval"), "report": ("jinja2", "matplotlib")}
_LIBRARIES = ("transformers", "tokenizers", "torch", "peft", "accelerate", "lm_eval", "huggingface_hub", "opencc")


def diagnosis() -> dict[str, Any]:
    """Return what was found, by name."""
    found: dict[str, Any] = {
        "hanhua": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memory": f"{_memory_bytes() / 2**30:.1f} GiB",
        "free disk here": f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB",
    }
    found |= library_versions(_LIBRARIES)
    for extra, modules in _EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        found[f"extra {extra}"] = f"missing {', '.join(missing)}: pip install 'hanhua[{extra}]'" if missing else "ready"
    found["CUDA devices"] = _cuda_devices()
    return found


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cuda_devices() -> str:
    if find_spec("torch") is None:
        return "unknown without torch"
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(names) or "none"
