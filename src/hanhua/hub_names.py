"""Names of Hub repositories: what has the form of one, and the revision it may carry."""

from __future__ import annotations

import re
from pathlib import Path

from hanhua.gguf_location import is_gguf_name

MAX_NAME_CHARACTERS = 96
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_hub_id(name: str) -> bool:
    """Return whether a name has the form OWNER/NAME, or OWNER/NAME@REVISION.

    >>> is_hub_id("meta-llama/Meta-Llama-3-8B@main"), is_hub_id("./models/base"), is_hub_id("models/base.gguf")
    (True, False, False)
    """
    return _ID.fullmatch(split_revision(name)[0]) is not None and not is_gguf_name(name)


def is_on_hub(name: str) -> bool:
    """Return whether a name means a Hub repository: it has the form of one, and no such file or folder is here."""
    return is_hub_id(name) and not Path(name).expanduser().exists()


def split_revision(name: str) -> tuple[str, str | None]:
    """Return the repository and the revision of OWNER/NAME@REVISION; None where none is named."""
    repository, _, revision = name.partition("@")
    return repository, revision or None


def is_valid_repo_id(name: str) -> bool:
    """Return whether the Hub takes a name for a repository's id, by the rules of its own client.

    Source: `huggingface_hub.utils.validate_repo_id`, which a torch-free command need not import.

    >>> is_valid_repo_id("HuggingFaceFW/fineweb-2"), is_valid_repo_id("hails/agieval-{config}")
    (True, False)
    """
    if re.fullmatch(rf"(\b[\w\-.]+\b/)?\b[\w\-.]{{1,{MAX_NAME_CHARACTERS}}}\b", name) is None:
        return False
    return "--" not in name and ".." not in name and not name.endswith(".git")
