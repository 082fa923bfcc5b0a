"""A base model by any of its names: a folder, a Hub id, or a GGUF file, which is converted once and kept."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp

from hanhua.artifacts.files import sha256_of
from hanhua.base.gguf.convert import check_gguf, convert_gguf
from hanhua.base_model import resolve_base_model
from hanhua.gguf_location import locate_gguf
from hanhua.progress import say

CONVERTER = 1
"""Raised when the folder made of a file changes."""


def model_source(model: str) -> Path:
    """Return a model's folder for a folder, a Hub id, a `*.gguf` file or `package:NAME`.

    A GGUF file is converted into the user's cache, under the sha256 of its content. Raises InputError when there is
    no such model, or it cannot be used.
    """
    file = None if Path(model).expanduser().is_dir() else locate_gguf(model)
    return resolve_base_model(model) if file is None else _converted(file)


def _converted(file: Path) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hanhua" / "gguf"
    check_gguf(file)
    folder = home / f"{sha256_of(file)[:32]}-{version('gguf')}-{CONVERTER}"
    if not (folder / "config.json").is_file():
        home.mkdir(parents=True, exist_ok=True)
        say(f"{file.name}: converted once, into {folder}")
        aside = Path(mkdtemp(dir=home))
        try:
            convert_gguf(file, aside)
            aside.rename(folder)
        except OSError:
            # Another process was first, and its folder holds the same files; or the disk is full.
            if not (folder / "config.json").is_file():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return folder
