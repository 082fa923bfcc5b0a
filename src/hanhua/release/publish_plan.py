"""What publishing a release would upload, and what forbids it: license duties, the recipe's policy, unmet gates.

Asks no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import sha256_of
from hanhua.artifacts.manifest import Artifact, open_artifact
from hanhua.errors import GateError, InputError, InvariantError, UsageError
from hanhua.hub_names import is_hub_id
from hanhua.progress import Progress
from hanhua.release.job import ReleaseJob
from hanhua.release.licenses import Duty, agreement_mistake, find_use_policy, is_agreement
from hanhua.release.other_licenses import is_license_text
from hanhua.release.stage import DUTY_FILES, read_duties


@dataclass(frozen=True)
class Finding:
    """Something that prevents publishing, and what to do about it. kind: duty, policy, gate."""

    kind: str
    what: str
    remedy: str


@dataclass(frozen=True)
class PublishPlan:
    """What would be uploaded, from where, and what forbids it. sizes in bytes."""

    repo_id: str
    public: bool
    files: Mapping[str, Path]
    sizes: Mapping[str, int]
    hashes: Mapping[str, str]
    blocking: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def total_bytes(self) -> int:
        """Size of everything together."""
        return sum(self.sizes.values())


def plan_publication(
    release: Path | Artifact, *, repo_id: str, public: bool = False, agreement: Path | None = None
) -> PublishPlan:
    """Check a release folder against its license duties, policy and gates; ask no network.

    agreement: a folder whose LICENSE (and USE_POLICY) goes out instead of the release's own.
    Raises UsageError for a malformed id, InputError for a folder that is no release, InvariantError for a
    release that is no longer what its manifest says.
    """
    if not is_hub_id(repo_id):
        raise UsageError(f"--repo-id {repo_id}: expected OWNER/NAME, such as me/Llama-3-8B-zh")
    artifact = release if isinstance(release, Artifact) else open_artifact(release, kind="release")
    job = ReleaseJob.model_validate(artifact.config)
    instead = _agreement_files(agreement, job, license_id=artifact.facts.get("base_license") or "")
    entries = {entry.path: entry for entry in artifact.files}  # which has neither logs nor the manifest
    files = {name: artifact.path / name for name in entries} | instead
    _check_unchanged(artifact)
    duties = _duties(artifact, job, repo_id=repo_id, instead=instead)
    hashes = {name: sha256_of(path) if name in instead else entries[name].sha256 for name, path in files.items()}
    return PublishPlan(
        repo_id=repo_id,
        public=public,
        files=dict(sorted(files.items())),
        sizes={name: path.stat().st_size for name, path in sorted(files.items())},
        hashes=hashes,
        blocking=tuple(_findings(artifact, job, duties, public=public)),
        notes=tuple(_notes(job, artifact.facts, duties, public=public)),
    )


def _agreement_files(folder: Path | None, job: ReleaseJob, *, license_id: str) -> dict[str, Path]:
    if folder is None:
        return {}
    candidates = sorted(folder.glob("LICENSE*")) if folder.is_dir() else []
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in candidates if path.is_file()}
    if job.base_family is None:
        found = next((path for path, text in texts.items() if is_license_text(text, license_id)), None)
        if found is None:
            raise InputError(f"--agreement {folder}: no LICENSE in this folder that is the text of {license_id}")
        return {"LICENSE": found}
    found = next((path for path, text in texts.items() if is_agreement(text, job.base_family)), None)
    if found is None:
        mistakes = "; ".join(f"{p.name}: {agreement_mistake(text, job.base_family)}" for p, text in texts.items())
        raise InputError(
            f"--agreement {folder}: no LICENSE in this folder that is the Community License Agreement of "
            f"Llama {job.base_family}, word for word ({mistakes or 'no file of that name'})"
        )
    policy = find_use_policy([folder])
    return {"LICENSE": found} | ({"USE_POLICY.md": policy} if policy else {})


def _check_unchanged(artifact: Artifact) -> None:
    total = sum(entry.size for entry in artifact.files)
    with Progress("checking the release", total=total >> 20, unit="MB") as bar:
        for entry in artifact.files:
            path = artifact.path / entry.path
            if not path.is_file() or path.stat().st_size != entry.size or sha256_of(path) != entry.sha256:
                raise InvariantError(
                    f"{path}: missing or changed since the release was made; delete {artifact.path} and run the "
                    "recipe again (for LICENSE there is --agreement)"
                )
            bar.advance(entry.size >> 20)


def _duties(artifact: Artifact, job: ReleaseJob, *, repo_id: str, instead: Mapping[str, Path]) -> list[Duty]:
    """Return the license duties of what would be uploaded, under the name it would have."""
    name, license_id = repo_id.split("/")[1], artifact.facts.get("base_license") or ""
    texts = {file: path for file, path in instead.items() if file in DUTY_FILES}
    return read_duties(artifact.path, job, name=name, license_id=license_id, instead=texts)


def _findings(artifact: Artifact, job: ReleaseJob, duties: Sequence[Duty], *, public: bool) -> list[Finding]:
    """Return what forbids publishing.

    Private, a toy model is let through without the agreement: it is handed to nobody. Any weights of Meta's,
    and anything public, must meet every duty.
    """
    found: list[Finding] = []
    if public or not job.toy:
        found += [Finding("duty", duty.name, duty.remedy) for duty in duties if not duty.met]
    if public and job.license_policy == "commercial":
        found += [_policy_finding(c) for c in artifact.facts["corpora"] if c["use"] != "open"]
        sets = artifact.facts.get("labeled_sets", [])
        found += [_policy_finding(c, of_filter=True) for c in sets if c["use"] != "open"]
    if public:
        remedy = "publish privately, or train until it is met; the gate is in the recipe under eval.gates"
        found += [Finding("gate", gate, remedy) for gate in artifact.facts["unmet_gates"]]
    return found


def _policy_finding(corpus: Mapping[str, str], *, of_filter: bool = False) -> Finding:
    """Return what forbids a corpus, or a labeled set that a classifier of the filter learned from."""
    name = corpus["name"]
    kind = "labeled set" if of_filter else "corpus"
    if corpus["use"] == "unlabelled":
        what = f"{kind} {name} has no license"
        remedy = "train the classifier without it" if of_filter else f"state it in the recipe (corpora.{name}.license)"
    else:
        what = f"{kind} {name} is {corpus['license']}, which forbids commercial use"
        remedy = f"leave {name} out"
    return Finding(
        "policy", what, f"{remedy}, or publish privately, or set release.license_policy: research and release again"
    )


def _notes(job: ReleaseJob, facts: Mapping[str, Any], duties: Sequence[Duty], *, public: bool) -> list[str]:
    notes = []
    if job.toy:
        notes.append("a toy model: its scores mean nothing, and its card says so")
    if not public:
        # Of what would go out, --agreement and the repository's name included; not of the folder as it was made.
        notes += [f"before it can be public: {duty.name}: {duty.remedy}" for duty in duties if not duty.met]
    if not facts["evaluated"]:
        notes.append("not evaluated: the card has no scores and says so")
    return notes


def refuse(blocking: Sequence[Finding], *, repo_id: str) -> None:
    """Raise when anything forbids publishing: GateError when all of it is unmet gates, else UsageError."""
    if not blocking:
        return
    lines = "\n  ".join(f"{f.kind}: {f.what}: {f.remedy}" for f in blocking)
    message = f"{repo_id}: not published:\n  {lines}"
    if all(finding.kind == "gate" for finding in blocking):
        raise GateError(message)
    raise UsageError(message)


def require_meant_public(plan: PublishPlan) -> None:
    """Raise UsageError before anything goes to a repository that is public, unless the plan is for a public release."""
    if not plan.public:
        raise UsageError(
            f"{plan.repo_id} exists and is public: what goes there is public at once. Pass --public if that is meant "
            "(its duties are then checked), or choose another --repo-id"
        )
