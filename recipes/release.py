"""The release folder: everything others need to use the model, and everything its licence asks for.

It loads in plain transformers. The weights are cut to size without being decoded; config, tokenizer and chat
template are the adapted model's, checked against the base's: what must travel unchanged is compared, not trusted.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_durably, write_json
from hanhua.artifacts.manifest import Artifact
from hanhua.errors import InputError
from hanhua.progress import say
from hanhua.recipes.card import CardFacts, compression_rows, write_card
from hanhua.recipes.licences import (
    Duty,
    corpus_use,
    duties,
    find_agreement,
    find_use_policy,
    licence_pointer,
    notice_file,
)
from hanhua.recipes.release_check import check_release
from hanhua.recipes.release_job import CorpusLine, ReleaseJob, release_job
from hanhua.recipes.release_weights import parameters, read_tensors, write_weights
from hanhua.skills import Skills
from hanhua.weights import StoredTensor

__all__ = ["CorpusLine", "ReleaseJob", "make_release", "read_duties", "release_job"]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
DUTY_FILES = ("README.md", "LICENSE", "NOTICE")
GIGABYTE = 1_000_000_000


def make_release(config: ReleaseJob, inputs: Mapping[str, Artifact], out: Path, *, skills: Skills) -> dict[str, Any]:
    """Write the release folder into `out` and return its facts.

    inputs: `adapted` and `base` (models at .path/"model"), and where the recipe has them `corpus`,
    `tokenizer` and `scores`. Raises InputError for a model that cannot be released and InvariantError for
    one that does not load, or in which something changed that must not.
    """
    del skills  # the card shows counts and rates, no text that would need masking
    model, base = (_model_folder(inputs, name) for name in ("adapted", "base"))
    tensors = read_tensors(model)
    name = config.released_name()
    files = write_weights(model, out, max_shard_bytes=int(config.max_shard_gigabytes * GIGABYTE))
    _write_settings(model, out)
    has_agreement = _write_licences(config, name, out, (base, model))
    scores = read_json(inputs["scores"].path / "scores.json") if "scores" in inputs else None
    found = CardFacts(
        parameters=parameters(tensors),
        facts={kind: artifact.facts for kind, artifact in inputs.items()},
        training=inputs["adapted"].config,
        scores=scores,
    )
    _write_results(out, scores, found)
    write_durably(out / "README.md", write_card(config, name, found))
    check_release(out, base=base, private_paths=[artifact.path.parent for artifact in inputs.values()])
    unmet = [duty for duty in read_duties(out, config, name=name) if not duty.met]
    for duty in unmet:
        say(f"release: not yet fit to publish ({duty.name}): {duty.remedy}")
    return _facts(config, name, tensors, files) | {
        "agreement_included": has_agreement,
        "use_policy_included": (out / "USE_POLICY.md").is_file(),
        "unmet_duties": [{"name": duty.name, "remedy": duty.remedy} for duty in unmet],
        "unmet_gates": [gate["name"] for gate in (scores or {}).get("gates", []) if not gate["met"]],
        "evaluated": scores is not None,
    }


def read_duties(release: Path, job: ReleaseJob, *, name: str, instead: Mapping[str, Path] | None = None) -> list[Duty]:
    """Check every licence duty of a release folder that is to be known as `name`.

    instead: files that will take the place of the folder's own, by name.
    """
    paths = {file: release / file for file in DUTY_FILES} | dict(instead or {})
    texts = {file: path.read_text(encoding="utf-8", errors="replace") for file, path in paths.items() if path.is_file()}
    return duties(job.base_family, name=name, texts=texts)


def _model_folder(inputs: Mapping[str, Artifact], name: str) -> Path:
    folder = inputs[name].path / "model"
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so there is no model to release")
    return folder


def _write_settings(model: Path, out: Path) -> None:
    write_json(out / "config.json", readable_by_older(read_json(model / "config.json")))
    if (model / "generation_config.json").is_file():
        shutil.copyfile(model / "generation_config.json", out / "generation_config.json")
    for file in TOKENIZER_FILES:
        if (model / file).is_file():
            shutil.copyfile(model / file, out / file)
    settings = read_json(out / "tokenizer_config.json")
    # transformers 5 writes a class that 4, and with it many servers, does not know; both know this one.
    if settings.get("tokenizer_class") in (None, "TokenizersBackend"):
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    for key in ("backend", "is_local", "local_files_only", "name_or_path"):
        settings.pop(key, None)
    write_json(out / "tokenizer_config.json", settings)


def readable_by_older(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config that says the same to transformers 4, vLLM and llama.cpp as to transformers 5.

    Version 5 writes only `rope_parameters` and `dtype`; a reader that looks for `rope_theta` would silently
    take 10,000 for Llama 3's 500,000.
    """
    config = dict(config)
    config.pop("_name_or_path", None)  # a folder of the machine it was made on
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope:
        config.setdefault("rope_theta", rope["rope_theta"])
        if rope.get("rope_type", "default") != "default":
            scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
            config.setdefault("rope_scaling", scaling)
    if "dtype" in config:
        config.setdefault("torch_dtype", config["dtype"])
    return dict(sorted(config.items()))


def _write_licences(job: ReleaseJob, name: str, out: Path, folders: tuple[Path, ...]) -> bool:
    agreement = find_agreement(folders, job.base_family)
    if agreement is not None:
        shutil.copyfile(agreement, out / "LICENSE")  # byte for byte: it is to be passed on, not retold
    else:
        write_durably(out / "LICENSE", licence_pointer(job.base_family, model_name=name))
    base_name = "a seeded stand-in" if job.stand_in else job.base_name
    write_durably(out / "NOTICE", notice_file(job.base_family, model_name=name, base_name=base_name))
    policy = find_use_policy(folders)
    if policy is not None:
        shutil.copyfile(policy, out / "USE_POLICY.md")
    return agreement is not None


def _write_results(out: Path, scores: Any, found: CardFacts) -> None:
    (out / "results").mkdir(exist_ok=True)
    if scores is not None:
        write_json(out / "results" / "scores.json", scores)
    rows = compression_rows(found)
    if rows:
        with (out / "results" / "compression.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("corpus", "base_characters_per_token", "extended_characters_per_token", "gain"))
            for row in rows:
                table.writerow((row["corpus"], *(f"{row[key]:.6f}" for key in ("base", "extended", "gain"))))


def _facts(job: ReleaseJob, name: str, tensors: dict[str, StoredTensor], files: list[str]) -> dict[str, Any]:
    return {
        "model_name": name,
        "base_name": job.base_name,
        "base_family": job.base_family,
        "stand_in": job.stand_in,
        "license_policy": job.license_policy,
        "parameters": parameters(tensors),
        "weight_bytes": sum(tensor.size_bytes for tensor in tensors.values()),
        "weight_files": files,
        "corpora": [{"name": c.name, "license": c.license, "use": corpus_use(c.license)} for c in job.corpora],
    }
