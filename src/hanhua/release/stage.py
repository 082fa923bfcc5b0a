"""The release folder: everything others need to use what was made, and everything its license asks for.

Merged model, adapter or tokenizer, it loads in plain transformers and peft. What must travel from the base unchanged is
compared with it, not trusted.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_durably, write_json
from hanhua.artifacts.manifest import Artifact
from hanhua.figures.scores_file import read_scores
from hanhua.progress import say
from hanhua.release.card import card_plots, compression_rows, write_card
from hanhua.release.card_facts import CardFacts
from hanhua.release.chat_model import restored_of, template_of
from hanhua.release.check import check_release
from hanhua.release.contents import BASE_FOLDER, Contents, put_contents
from hanhua.release.eval_results import FOLDER as ENTRIES
from hanhua.release.eval_results import eval_result_files
from hanhua.release.job import CorpusLine, ReleaseJob, release_job
from hanhua.release.licenses import (
    Duty,
    corpus_use,
    duties,
    find_agreement,
    find_use_policy,
    license_pointer,
    notice_file,
)
from hanhua.release.other_licenses import find_license_text, other_duties, other_notice, other_pointer
from hanhua.services import Services

__all__ = ["CorpusLine", "ReleaseJob", "make_release", "read_duties", "release_job"]

DUTY_FILES = ("README.md", "LICENSE", "NOTICE")


def make_release(
    config: ReleaseJob, inputs: Mapping[str, Artifact], out: Path, *, services: Services
) -> dict[str, Any]:
    """Write the release folder into `out` and return its facts.

    inputs: `base` (its model or tokenizer at .path/"model"), `adapted` unless the kind is tokenizer, and where the
    recipe has them `resized`, `restored` (then released), `corpus`, `tokenizer` and `scores`. Raises InputError for
    what cannot be released and InvariantError for what does not load, or in which something changed that must not.
    """
    del services  # the card shows counts and rates, no text that would need masking
    base, name = inputs["base"].path / "model", config.released_name()
    contents = put_contents(config, inputs, out)
    license_id = (config.base_license or inputs["base"].facts.get("license") or "").lower()
    has_agreement = _write_licenses(config, name, out, (base, contents.source), license_id=license_id)
    scores = read_scores(inputs["scores"]) if "scores" in inputs else None
    found = CardFacts(
        parameters=contents.parameters,
        facts={kind: artifact.facts for kind, artifact in inputs.items()},
        training=inputs["adapted"].config if "adapted" in inputs else {},
        scores=scores,
        has_base=(out / BASE_FOLDER).is_dir(),
        license_id=license_id,
        released=_released(config, inputs),
        restored=restored_of(inputs) if config.kind == "model" else None,
        template=template_of(out),
        base_is_chat=_is_chat(config, base),
    )
    _write_results(out, scores, found)
    if scores is not None and not config.toy:
        _write_entries(out, scores, model=found.released)
    write_durably(out / "README.md", write_card(config, name, found))
    # A restored model ends and pads as its instruct model does, which restoring itself has made sure of.
    check_release(
        out,
        kind=config.kind,
        base=contents.source if "restored" in inputs else base,
        private_paths=[artifact.path.parent for artifact in inputs.values()],
    )
    unmet = [duty for duty in read_duties(out, config, name=name, license_id=license_id) if not duty.met]
    for duty in unmet:
        say(f"release: not yet fit to publish ({duty.name}): {duty.remedy}")
    return _facts(config, name, contents) | {
        "base_license": license_id or None,
        "agreement_included": has_agreement,
        "use_policy_included": (out / "USE_POLICY.md").is_file(),
        "unmet_duties": [{"name": duty.name, "remedy": duty.remedy} for duty in unmet],
        "unmet_gates": [gate["name"] for gate in (scores or {}).get("gates", []) if not gate["met"]],
        "evaluated": scores is not None,
    }


def read_duties(
    release: Path, job: ReleaseJob, *, name: str, license_id: str = "", instead: Mapping[str, Path] | None = None
) -> list[Duty]:
    """Check every license duty of a release folder that is to be known as `name`.

    license_id: of a base that is no Llama. instead: files that will take the place of the folder's own, by name.
    """
    paths = {file: release / file for file in DUTY_FILES} | dict(instead or {})
    texts = {file: path.read_text(encoding="utf-8", errors="replace") for file, path in paths.items() if path.is_file()}
    if job.base_family is None:
        return other_duties(license_id, base_name=job.base_name, texts=texts)
    return duties(job.base_family, name=name, texts=texts)


def _released(job: ReleaseJob, inputs: Mapping[str, Artifact]) -> str:
    """Return what scores call the model that goes out."""
    return "restored" if job.kind == "model" and "restored" in inputs else "adapted"


def _is_chat(job: ReleaseJob, base: Path) -> bool:
    """Return whether the base is tuned to follow instructions: its name says so, for a template alone does not."""
    is_named_so = re.search(r"instruct|chat|(?<![a-z])it(?![a-z])", job.base_name.lower()) is not None
    return is_named_so and template_of(base) is not None


def _write_licenses(job: ReleaseJob, name: str, out: Path, folders: tuple[Path, ...], *, license_id: str) -> bool:
    if job.base_family is None:
        text = find_license_text(folders, license_id)
        write_durably(out / "LICENSE", text or other_pointer(license_id, base_name=job.base_name))
        notice = other_notice(model_name=name, base_name=job.base_name, license_id=license_id)
        write_durably(out / "NOTICE", notice)
        return text is not None
    agreement = find_agreement(folders, job.base_family)
    if agreement is not None:
        shutil.copyfile(agreement, out / "LICENSE")  # byte for byte: it is to be passed on, not retold
    else:
        write_durably(out / "LICENSE", license_pointer(job.base_family, model_name=name))
    base_name = "a seeded toy model" if job.toy else job.base_name
    write_durably(out / "NOTICE", notice_file(job.base_family, model_name=name, base_name=base_name))
    policy = find_use_policy(folders)
    if policy is not None:
        shutil.copyfile(policy, out / "USE_POLICY.md")
    return agreement is not None


def _write_results(out: Path, scores: Any, found: CardFacts) -> None:
    (out / "results").mkdir(exist_ok=True)
    for plot, svg in card_plots(found).items():
        write_durably(out / "results" / f"{plot}.svg", svg)
    if scores is not None:
        write_json(out / "results" / "scores.json", scores)
    rows = compression_rows(found)
    if rows:
        with (out / "results" / "compression.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("corpus", "base_characters_per_token", "extended_characters_per_token", "gain"))
            for row in rows:
                table.writerow((row["corpus"], *(f"{row[key]:.6f}" for key in ("base", "extended", "gain"))))


def _write_entries(out: Path, scores: Mapping[str, Any], *, model: str) -> None:
    files = eval_result_files(scores, model=model)
    for name, text in files.items():
        (out / ENTRIES).mkdir(exist_ok=True)
        write_durably(out / ENTRIES / name, text)


def _facts(job: ReleaseJob, name: str, contents: Contents) -> dict[str, Any]:
    sets = [{"name": c.name, "license": c.license, "use": corpus_use(c.license)} for c in job.labeled_sets]
    return {
        "kind": job.kind,
        "model_name": name,
        "base_name": job.base_name,
        "base_family": job.base_family,
        "toy": job.toy,
        "license_policy": job.license_policy,
        "parameters": contents.parameters,
        "weight_bytes": contents.weight_bytes,
        "weight_files": list(contents.weight_files),
        "corpora": [{"name": c.name, "license": c.license, "use": corpus_use(c.license)} for c in job.corpora],
        **({"labeled_sets": sets} if sets else {}),
    }
