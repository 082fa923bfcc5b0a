"""Publishes a release folder, whole or not at all, and only what license, policy and gates allow.

One commit holds everything, so a reader never meets half a model. A repository that is to be public is made
private, and turned public only after its content was read back at the commit and compared.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import sha256_of
from hanhua.artifacts.manifest import Artifact
from hanhua.errors import HanhuaError
from hanhua.progress import say
from hanhua.release.contents import BASE_FOLDER
from hanhua.release.hub import HubClient
from hanhua.release.publish_plan import Finding, PublishPlan, plan_publication, refuse, require_meant_public

# What a loader would pick up in addition to, or before, the files of this release.
LOADABLE = (
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "adapter_model.*",
    "hanhua.json",
    "extension.json",
)


@dataclass(frozen=True)
class PublishResult:
    """What was published. commit: its full id, to load exactly this; None for a dry run."""

    repo_id: str
    url: str | None
    commit: str | None
    public: bool
    changed: bool
    files: Mapping[str, int]
    removed: tuple[str, ...] = ()
    blocking: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self) | {"files": dict(self.files)}


def publish_release(
    release: Path | Artifact,
    *,
    repo_id: str,
    public: bool = False,
    dry_run: bool = False,
    agreement: Path | None = None,
    first_wait_seconds: float = 1.0,
) -> PublishResult:
    """Publish a release to the Hub that `HF_ENDPOINT` names, and read it back.

    A new repository is private unless `public`. An existing one keeps its visibility, except that `public`
    makes a private one public, after everything was verified. A dry run asks no network.
    Raises UsageError when something forbids it, GateError when that is an unmet gate.
    """
    plan = plan_publication(release, repo_id=repo_id, public=public, agreement=agreement)
    if dry_run:
        return result_of(plan, commit=None, url=None, changed=False)
    refuse(plan.blocking, repo_id=repo_id)
    hub = HubClient(first_wait_seconds=first_wait_seconds)
    _quieten()
    user = hub.call("checking the token", hub.api.whoami)
    say(f"publishing to {hub.endpoint}/{repo_id} as {user.get('name', '?')}")
    is_private = _repository(hub, plan)
    before = hub.call("looking at the repository", lambda: _remote_files(hub, repo_id, "main"), repo_id=repo_id)
    head = hub.call("looking at the repository", lambda: _head(hub, repo_id), repo_id=repo_id)
    removed = stale_files(before, plan)
    commit = _commit(hub, plan, removed)
    _verify(hub, plan, commit)
    if public and is_private:
        hub.call("making it public", lambda: hub.api.update_repo_settings(repo_id, private=False), repo_id=repo_id)
    url = f"{hub.endpoint}/{repo_id}/tree/{commit}"
    return result_of(plan, commit=commit, url=url, changed=commit != head, removed=removed)


def _quieten() -> None:
    """Leave progress to ourselves where there is no terminal to draw bars on."""
    from huggingface_hub.utils import disable_progress_bars, logging

    logging.set_verbosity_error()
    if not sys.stderr.isatty() and "HF_HUB_DISABLE_PROGRESS_BARS" not in os.environ:
        disable_progress_bars()


def _repository(hub: HubClient, plan: PublishPlan) -> bool:
    """Make the repository when there is none; return whether it is private now."""
    from huggingface_hub.errors import RepositoryNotFoundError

    def look() -> bool | None:
        try:
            return bool(hub.api.repo_info(plan.repo_id).private)
        except RepositoryNotFoundError:
            return None

    is_private = hub.call("looking for the repository", look, repo_id=plan.repo_id)
    if is_private is None:
        hub.call(
            "creating the repository",
            lambda: hub.api.create_repo(plan.repo_id, private=True, exist_ok=True),
            repo_id=plan.repo_id,
        )
        return True
    if not is_private:
        require_meant_public(plan)
    return is_private


def _head(hub: HubClient, repo_id: str) -> str | None:
    sha: str | None = hub.api.repo_info(repo_id).sha
    return sha


def _remote_files(hub: HubClient, repo_id: str, revision: str) -> dict[str, Any]:
    from huggingface_hub.hf_api import RepoFile

    tree = hub.api.list_repo_tree(repo_id, recursive=True, revision=revision)
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def stale_files(before: Mapping[str, Any], plan: PublishPlan) -> tuple[str, ...]:
    """Return files of an earlier release, of this kind or another, that a loader would take up; others' files stay."""
    bare = {name: name.removeprefix(BASE_FOLDER + "/") for name in sorted(before) if name not in plan.files}
    return tuple(name for name, short in bare.items() if "/" not in short and any(fnmatch(short, p) for p in LOADABLE))


def _commit(hub: HubClient, plan: PublishPlan, removed: tuple[str, ...]) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    def send() -> str:
        # The operations remember what became of them, so that each try needs its own. A try whose answer
        # was lost is harmless: the next finds nothing changed and returns the commit that is there.
        operations = [CommitOperationAdd(name, path) for name, path in plan.files.items()]
        deletions = [CommitOperationDelete(name) for name in removed]
        info = hub.api.create_commit(plan.repo_id, [*operations, *deletions], commit_message="Release made with Hanhua")
        return str(info.oid)

    say(f"uploading {len(plan.files)} files, {plan.total_bytes / 1e6:,.1f} MB")
    return hub.call("uploading", send, repo_id=plan.repo_id)


def _verify(hub: HubClient, plan: PublishPlan, commit: str) -> None:
    """Read everything back at the commit: large files by the Hub's sha256, the others by downloading them."""
    say(f"reading it back at {commit}")
    remote = hub.call("reading back", lambda: _remote_files(hub, plan.repo_id, commit), repo_id=plan.repo_id)
    wrong = [f"{name}: missing" for name in plan.files if name not in remote]
    with tempfile.TemporaryDirectory(prefix="hanhua-publish-") as folder:
        for name in sorted(plan.files.keys() & remote.keys()):
            if remote[name].lfs is not None:
                found = remote[name].lfs.sha256
            else:
                found = sha256_of(_download(hub, plan.repo_id, name, commit, Path(folder)))
            if found != plan.hashes[name]:
                wrong.append(f"{name}: its sha256 there is {found}, here {plan.hashes[name]}")
    if wrong:
        raise HanhuaError(
            f"{plan.repo_id}@{commit}: what the Hub holds is not what was sent; publish again:\n  " + "\n  ".join(wrong)
        )


def _download(hub: HubClient, repo_id: str, name: str, commit: str, folder: Path) -> Path:
    def fetch() -> str:
        return str(hub.api.hf_hub_download(repo_id, name, revision=commit, local_dir=folder))

    return Path(hub.call(f"reading {name} back", fetch, repo_id=repo_id))


def result_of(
    plan: PublishPlan,
    *,
    commit: str | None,
    url: str | None,
    changed: bool,
    removed: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> PublishResult:
    """Return what was published of a plan. notes: what is to be told besides the plan's own."""
    return PublishResult(
        repo_id=plan.repo_id,
        url=url,
        commit=commit,
        public=plan.public,
        changed=changed,
        files=dict(plan.sizes),
        removed=removed,
        blocking=plan.blocking,
        notes=(*plan.notes, *notes),
    )
