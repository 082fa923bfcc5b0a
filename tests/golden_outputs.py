"""What every stage makes of a tiny input, in a few figures: text and integers by hash, weights and scores roughly.

Run as a program it writes `tests/pipeline/golden.json` anew:

    python tests/golden_outputs.py

Weights and scores differ in their last digits from processor to processor, so of tensors mean and size are kept, and of
texts with figures in them everything but the figures.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mini_run import write_recipe
from repository import ROOT
from safetensors.numpy import load_file, save_file

from hanhua.artifacts.manifest import Artifact
from hanhua.documents.compression import open_decompressed
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.runner import run
from hanhua.pipeline.stages import stages

GOLDEN = ROOT / "tests" / "pipeline" / "golden.json"
EXACT = ("corpus", "tokenizer")
"""Kinds of artifact that hold no floating-point figure: their files are pinned by hash."""
EVAL = """\
eval:
  language_modeling: {context_tokens: 64, context_characters: null, max_documents: 2, max_truncated_prompts: 2}
  threads: 1
"""


def tiny_artifacts(folder: Path) -> dict[str, Artifact]:
    """Run every stage on next to nothing; return the artifacts by stage."""
    recipe = write_recipe(folder, tokens=2048)
    toy = run(load_recipe(recipe), runs=folder / "runs", until="base")
    base = shutil.copytree(toy.artifacts["base"].path / "model", folder / "Meta-Llama-3-tiny")
    _write_instruct(base, folder / "instruct")
    text = recipe.read_text(encoding="utf-8")
    real = re.sub(
        r"(?s)base:\n.*?\ncorpora:",
        f"base: {{model: {base}}}\nchat_vector: {{instruct: {folder / 'instruct'}}}\ncorpora:",
        text,
    )
    recipe.write_text(real + EVAL, encoding="utf-8")
    made = run(load_recipe(recipe), runs=folder / "more").artifacts
    return {**made, "base": toy.artifacts["base"]}


def _write_instruct(base: Path, out: Path) -> None:
    """Write a model of the same base that learned something: every weight a little to one side."""
    shutil.copytree(base, out)
    tensors = load_file(base / "model.safetensors")
    moved = {name: (value + np.float32(0.001) * np.sign(value)).astype(value.dtype) for name, value in tensors.items()}
    save_file(moved, out / "model.safetensors", metadata={"format": "pt"})


ASKED_OF_A_SERVER = {"synthesis"}
"""Stages that no tiny run has: what comes out is a teacher's, and tests/synthesis/ holds what is made of it."""


def digest(artifact: Artifact) -> Any:
    """Return what of an artifact is pinned."""
    if artifact.kind in EXACT:
        # The words of a report are no figure and no text of the corpus.
        return {entry.path: entry.sha256 for entry in artifact.files if not entry.path.startswith("report/")}
    return {entry.path: _file_digest(artifact.path / entry.path) for entry in artifact.files}


def _file_digest(path: Path) -> Any:
    if path.suffix == ".safetensors":
        tensors = load_file(path)
        return {name: [list(value.shape), float(np.abs(value).mean())] for name, value in sorted(tensors.items())}
    if path.suffix == ".zst":
        with open_decompressed(path) as lines:
            return _without_figures(lines.read().decode())
    return _without_figures(path.read_text(encoding="utf-8"))


def _without_figures(text: str) -> str:
    text = re.sub(r"(?s)<svg.*?</svg>", "", text)
    text = re.sub(r"[0-9a-f]{8,}|/[\w./-]{8,}", "", text)
    return hashlib.sha256(re.sub(r"[-−+]?\d[\d.,e]*", "#", text).encode()).hexdigest()[:16]


def differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Yield the places in which two digests differ; numbers may be 2% apart."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), f"{at} {key}")
    elif isinstance(before, float) and isinstance(after, float):
        if abs(before - after) > 0.02 * abs(before):
            yield f"{at}: {before:.4g} → {after:.4g}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{at}[{number}]")
    elif before != after:
        yield at


def all_digests(folder: Path) -> dict[str, Any]:
    """Return output version and digest of every stage."""
    made = tiny_artifacts(folder)
    return {
        stage.name: {"output_version": stage.output_version, "output": digest(made[stage.name])}
        for stage in stages()
        if stage.name not in ASKED_OF_A_SERVER
    }


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        GOLDEN.write_text(json.dumps(all_digests(Path(name)), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{GOLDEN}: written", file=sys.stderr)
