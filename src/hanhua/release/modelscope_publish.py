"""Publishes a release to ModelScope: private, then read back at its commit and compared, file by file.

The client commits large uploads in batches, so a reader of a public repository could meet half a model; a new one is
made private for that reason. It has no call that makes a model public: that is done on the repository's settings page,
after everything was compared.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

from hanhua.artifacts.manifest import Artifact
from hanhua.artifacts.store import link_or_copy
from hanhua.errors import HanhuaError, UsageError
from hanhua.model_scope import MS_PREFIX, listed_files, modelscope_client, modelscope_commit, said_by
from hanhua.progress import say
from hanhua.release.publish import PublishResult, result_of, stale_files
from hanhua.release.publish_plan import PublishPlan, plan_publication, refuse, require_meant_public

Result = TypeVar("Result")
MAX_TRIES = 4
PRIVATE = 1
"""Of ModelScope's numbers for visibility; 5 is public."""


def publish_to_modelscope(
    release: Path | Artifact,
    *,
    repo_id: str,
    public: bool = False,
    dry_run: bool = False,
    agreement: Path | None = None,
    first_wait_seconds: float = 1.0,
) -> PublishResult:
    """Publish a release to the ModelScope that MODELSCOPE_ENDPOINT names, and read it back.

    A new repository is private. `public` checks the duties of a public release; the settings page then makes it so. A
    dry run asks no network. Raises UsageError when something forbids it, GateError when that is an unmet gate.
    """
    plan = plan_publication(release, repo_id=repo_id, public=public, agreement=agreement)
    if dry_run:
        return result_of(plan, commit=None, url=None, changed=False)
    refuse(plan.blocking, repo_id=repo_id)
    hub = _Hub(first_wait_seconds)
    say(f"publishing to {hub.endpoint}/models/{repo_id}")
    is_private = _repository(hub, plan)
    before = {str(one["Path"]): one.get("Sha256") for one in hub.call("looking", lambda: _listed(repo_id))}
    removed = stale_files(before, plan)
    wanted = {name: digest for name, digest in plan.hashes.items() if before.get(name) != digest}
    if wanted:
        _upload(hub, plan, sorted(wanted))
    if removed:
        hub.call("removing files of an earlier release", lambda: hub.client.delete_files(repo_id, "model", removed))
    commit = modelscope_commit("model", repo_id, None)
    _verify(hub, plan, commit)
    url = f"{hub.endpoint}/models/{repo_id}/files?version={commit}"
    notes = _about_visibility(hub, repo_id, public=public, is_private=is_private)
    return result_of(plan, commit=commit, url=url, changed=bool(wanted or removed), removed=removed, notes=notes)


class _Hub:
    """The client with its token; what is worth trying again is tried again, and messages never show the token."""

    def __init__(self, first_wait_seconds: float) -> None:
        if not os.environ.get("MODELSCOPE_API_TOKEN"):
            raise UsageError("no ModelScope token: set MODELSCOPE_API_TOKEN (https://modelscope.cn/my/myaccesstoken)")
        self._first_wait_seconds = first_wait_seconds
        self.client: Any = modelscope_client()

    @property
    def endpoint(self) -> str:
        """ModelScope's address."""
        return (os.environ.get("MODELSCOPE_ENDPOINT") or "https://modelscope.cn").rstrip("/")

    def call(self, what: str, request: Callable[[], Result]) -> Result:
        """Make a request, again and with longer waits when ModelScope is busy or away."""
        from modelscope_hub.errors import (
            AuthenticationError,
            HubError,
            NetworkError,
            PermissionDeniedError,
            ServerError,
        )

        wait = self._first_wait_seconds
        for attempt in range(1, MAX_TRIES + 1):
            try:
                with redirect_stdout(sys.stderr):  # the client prints its reports there, and ours is for data
                    return request()
            except (AuthenticationError, PermissionDeniedError) as error:
                raise UsageError(
                    f"{what}: ModelScope does not accept the token for this ({said_by(error)}); check "
                    "MODELSCOPE_API_TOKEN and --repo-id"
                ) from None
            except (ServerError, NetworkError, OSError) as error:
                if attempt == MAX_TRIES:
                    raise HanhuaError(
                        f"{what}: {self.endpoint} did not answer after {MAX_TRIES} tries ({said_by(error)}); "
                        "run this again later"
                    ) from None
                say(f"{what}: {type(error).__name__}; try {attempt + 1} of {MAX_TRIES} in {wait:g} s")
                time.sleep(wait)
                wait *= 2
            except HubError as error:
                raise HanhuaError(f"{what}: ModelScope refused ({said_by(error)})") from None
        raise AssertionError("the loop returns or raises")


def _listed(repo_id: str) -> list[dict[str, Any]]:
    return listed_files("model", repo_id, None)


def _repository(hub: _Hub, plan: PublishPlan) -> bool:
    """Make the repository when there is none; return whether it is private now."""
    from modelscope_hub.errors import NotExistError

    def look() -> Any:
        try:
            return hub.client.get_repo(plan.repo_id, "model").visibility
        except NotExistError:
            return None

    visibility = hub.call("looking for the repository", look)
    if visibility is None:
        hub.call(
            "creating the repository",
            lambda: hub.client.create_repo(plan.repo_id, "model", visibility="private"),
        )
        return True
    is_private = bool(visibility == PRIVATE)
    if not is_private:
        require_meant_public(plan)
    return is_private


def _upload(hub: _Hub, plan: PublishPlan, names: list[str]) -> None:
    """Send files from a folder that holds them under their names, as the client wants it."""
    size = sum(plan.sizes[name] for name in names)
    say(f"uploading {len(names)} files, {size / 1e6:,.1f} MB")
    with tempfile.TemporaryDirectory(prefix="hanhua-publish-") as folder:
        for name in names:
            target = Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(plan.files[name].resolve(), target)
        hub.call(
            "uploading",
            lambda: hub.client.upload_folder(
                plan.repo_id,
                "model",
                folder,
                commit_message="Release made with Hanhua",
                use_cache=False,
                disable_tqdm=True,
            ),
        )


def _verify(hub: _Hub, plan: PublishPlan, commit: str) -> None:
    """Compare the sha256 of every file at the commit with what was sent."""
    say(f"reading it back at {commit}")
    listed = hub.call("reading back", lambda: listed_files("model", plan.repo_id, commit))
    there = {str(one["Path"]): str(one.get("Sha256") or "") for one in listed}
    wrong = [
        f"{name}: " + ("missing" if name not in there else f"its sha256 there is {there[name]}, here {digest}")
        for name, digest in plan.hashes.items()
        if there.get(name) != digest
    ]
    if wrong:
        raise HanhuaError(
            f"{MS_PREFIX}{plan.repo_id}@{commit}: what ModelScope holds is not what was sent; publish again:\n  "
            + "\n  ".join(wrong)
        )


def _about_visibility(hub: _Hub, repo_id: str, *, public: bool, is_private: bool) -> tuple[str, ...]:
    if public and is_private:
        where = f"{hub.endpoint}/models/{repo_id}/settings"
        return (f"the repository is still private: ModelScope's client cannot change that; make it public at {where}",)
    return ()
