"""What is claimed and how it will be judged, written down with a hash before the first arm begins.

A comparison that was begun goes on as it was written: a changed recipe, a changed text and an edited file are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.fingerprint import canonical, difference, fingerprint
from hanhua.artifacts.hashes import FileHashes
from hanhua.base.model_source import model_source
from hanhua.config_fields import key_config
from hanhua.errors import UsageError
from hanhua.experiments.evidence.jobs import jobs_of
from hanhua.experiments.evidence.recipe import EvidenceRecipe
from hanhua.weights import weight_files

FILE = "preregistration.json"
ANALYSIS = {
    "measure": "bits per byte of held-out text: sums over documents, never means of them",
    "difference": "an arm's minus the reference's, over the same documents and by seed, as a share of the reference's",
    "interval": "95%: bootstrap of documents and of seeds, the spread of the seeds widened as Student's t asks",
    "not worse": "the interval's upper end is at or below the margin",
    "worse": "the interval's lower end is above the margin",
    "placebos": "a rate of 0 must leave the base as it was; a twin with other seeds must not differ from the reference "
    "(95% for all languages together); otherwise the result is void",
    "stopping": "judged once, after every arm has finished with every seed; nothing is judged before",
    "broken off": "an arm whose training broke off with any seed has failed, and is not compared",
}
"""How it is judged, in words: written into every file, so that a later version that judges otherwise refuses it."""


def register(recipe: EvidenceRecipe, folder: Path) -> str:
    """Write the preregistration, or hold the recipe against the one that is there; return its hash.

    Raises UsageError for a file that was edited, and for a recipe or text that changed since.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _material(recipe, FileHashes(folder / "hashes.json"))
    path = folder / FILE
    if not path.is_file():
        write_json(path, {**wanted, "hash": fingerprint(wanted)})
    stored = read_json(path)
    said = stored.pop("hash", None)
    if said != fingerprint(stored):
        raise UsageError(
            f"{path}: edited since it was written (its hash is that of other text); put it back, or begin a new "
            "comparison in another folder"
        )
    if changed := difference(stored, wanted):
        raise UsageError(
            f"{path}: the comparison was begun otherwise, and what is claimed cannot change under way:\n  "
            + "\n  ".join(changed[:8])
            + "\nput the recipe back, or begin a new comparison in another folder (--out)"
        )
    return str(said)


def _material(recipe: EvidenceRecipe, hashes: FileHashes) -> dict[str, Any]:
    """Return all that decides the outcome, files by their content."""
    data: dict[str, Any] = key_config(recipe)
    data["continued_pretrain"] = key_config(recipe.continued_pretrain)
    data["base"] = _base(recipe, hashes)
    for name, text in recipe.texts.items():
        data["texts"][name]["path"] = f"{Path(text.path).name} sha256:{hashes.of(Path(text.path))}"
    for name in recipe.arms:
        # As each arm is run, all defaults in it: what a later version takes for granted may be something else.
        data["arms"][name] = {
            "about": recipe.arms[name].about,
            "extend": recipe.arms[name].extend,
            "vocab_extension": key_config(recipe.tokens_of(name)),
            "resize": key_config(recipe.rows_of(name)),
            "continued_pretrain": key_config(recipe.training_of(name, 0)),
        }
    jobs = [{"kind": job.kind, "arm": job.arm, "seed": job.training_seed} for job in jobs_of(recipe)]
    found: dict[str, Any] = canonical({**data, "jobs": jobs, "analysis": ANALYSIS})
    return found


def _base(recipe: EvidenceRecipe, hashes: FileHashes) -> dict[str, Any]:
    base = recipe.base
    training = None if base.training is None else key_config(base.training)
    if base.model is None:
        assert base.scratch is not None
        return {"scratch": base.scratch.model_dump(), "training": training}
    folder = model_source(base.model)
    files = [folder / "config.json", folder / "tokenizer.json", *weight_files(folder)]
    return {"model": [f"{path.name} sha256:{hashes.of(path)}" for path in files], "training": training}
