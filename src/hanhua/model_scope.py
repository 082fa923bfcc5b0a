"""ModelScope (魔搭) as a place that bases, texts and questions come from: `ms://OWNER/NAME@REVISION`.

    ms://LLM-Research/Meta-Llama-3-8B@COMMIT             a base model
    ms://OWNER/TEXTS@COMMIT:data/*.jsonl.zst             files of a data set; without a pattern, all that hold texts

The client is the package `modelscope`; its endpoint is MODELSCOPE_ENDPOINT, its token MODELSCOPE_API_TOKEN. It compares
each file it downloads with the sha256 that ModelScope states.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hanhua.errors import InputError, MissingExtra
from hanhua.progress import say

MS_PREFIX = "ms://"
DEFAULT_REVISION = "master"
Kind = Literal["model", "dataset"]
COMMIT = re.compile(r"[0-9a-f]{40}")
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
WAYS_ON = (
    "where the Hub is out of reach, set HF_ENDPOINT to a mirror, name the ModelScope copy (ms://OWNER/NAME), "
    "or download it elsewhere and give its folder"
)
"""For messages about a Hub that does not answer."""


@dataclass(frozen=True)
class ModelScopeName:
    """A repository on ModelScope. revision: commit, branch or tag; pattern: of files below it."""

    repo: str
    revision: str | None = None
    pattern: str | None = None

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{MS_PREFIX}{self.repo}{revision}" + (f":{self.pattern}" if self.pattern else "")


def is_modelscope(name: str) -> bool:
    """Return whether a name means something on ModelScope."""
    return name.startswith(MS_PREFIX)


def parse_modelscope(name: str) -> ModelScopeName:
    """Return the parts of a name; InputError for one that has not the form.

    >>> parse_modelscope("ms://me/texts@v1:zh/*.jsonl")
    ModelScopeName(repo='me/texts', revision='v1', pattern='zh/*.jsonl')
    """
    place, _, pattern = name.removeprefix(MS_PREFIX).partition(":")
    repo, _, revision = place.partition("@")
    if not _ID.fullmatch(repo):
        raise InputError(
            f"{name}: expected ms://OWNER/NAME, ms://OWNER/NAME@REVISION or ms://OWNER/NAME@REVISION:FILES"
        )
    return ModelScopeName(repo, revision or None, pattern or None)


def modelscope_client() -> Any:
    """Return the client for the endpoint and token of the environment. Raises MissingExtra without the package."""
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # bars are for terminals
    try:
        from modelscope_hub import HubApi
    except ImportError:
        raise MissingExtra("ModelScope", "modelscope") from None
    logging.getLogger("modelscope_hub").setLevel(logging.ERROR)
    return HubApi(endpoint=os.environ.get("MODELSCOPE_ENDPOINT"), token=os.environ.get("MODELSCOPE_API_TOKEN"))


def modelscope_commit(kind: Kind, repo: str, revision: str | None) -> str:
    """Return the commit a revision (None: the newest) of a repository refers to.

    It is that of the file that was committed last: the listing says it of each file. Raises InputError when ModelScope
    cannot be asked, has no such repository, or states no commit.
    """
    listed = listed_files(kind, repo, revision)
    dated = [(str(one.get("CommittedDate") or ""), str(one.get("Revision") or "")) for one in listed]
    newest = max((pair for pair in dated if COMMIT.fullmatch(pair[1])), default=None)
    if newest is None:
        raise InputError(f"{MS_PREFIX}{repo}: ModelScope states no commit; name one: {MS_PREFIX}{repo}@COMMIT")
    return newest[1]


def listed_files(kind: Kind, repo: str, revision: str | None) -> list[dict[str, Any]]:
    """Return what ModelScope says of each file of a revision: Path, Size, Sha256, Revision, CommittedDate.

    Raises InputError when it cannot be asked, or has no such repository or revision.
    """
    from modelscope_hub.errors import HubError

    try:
        client = modelscope_client()
        found: list[dict[str, Any]] = client.legacy.list_repo_files(repo, kind, revision=revision or DEFAULT_REVISION)
    except HubError as error:
        raise InputError(refusal(f"{MS_PREFIX}{repo}", error)) from None
    return [one for one in found if one.get("Type", "blob") != "tree"]


def fetched(name: str, kind: Kind, *, patterns: Sequence[str] = ()) -> Path:
    """Return the folder of a repository's files here, in the client's cache; what is there is not downloaded again.

    patterns: of the files that are wanted; (): the name's own, or all. Raises InputError when a file cannot be had.
    """
    wanted = parse_modelscope(name)
    client = modelscope_client()
    from modelscope_hub.errors import HubError

    say(f"{name}: from ModelScope")
    chosen = list(patterns) or ([wanted.pattern] if wanted.pattern else None)
    try:
        return Path(
            client.download_repo(wanted.repo, kind, revision=wanted.revision or DEFAULT_REVISION, allow_patterns=chosen)
        )
    except (HubError, OSError) as error:
        raise InputError(refusal(name, error)) from error


def fetched_files(name: str) -> str:
    """Return the folder, or the pattern below it, that a data set's name means once its files are here."""
    wanted = parse_modelscope(name)
    folder = fetched(name, "dataset")
    return str(folder / wanted.pattern) if wanted.pattern else str(folder)


def said_by(error: Exception) -> str:
    """Return the first line of what the client said, without the token."""
    token = os.environ.get("MODELSCOPE_API_TOKEN") or ""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return said.replace(token, "[token]") if token else said


def refusal(name: str, error: Exception) -> str:
    """Return in a sentence what ModelScope refused, and the ways on; never the token."""
    return (
        f"{name}: ModelScope did not give it ({said_by(error)}); check the name and the revision, "
        "MODELSCOPE_ENDPOINT and, for a private or gated repository, MODELSCOPE_API_TOKEN; or give a Hub "
        "id, or the folder of a copy"
    )
