"""Public labeled sets to learn from: by Hub id, or a folder like one, each with the license that its card states.

The license is kept with the weights, since what was learned from a set may not go where the set may not.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hanhua.documents.places import expand_paths
from hanhua.documents.readers import HUB_PREFIX, parse_hub_name
from hanhua.errors import InputError, MissingExtra

CARD = "README.md"


@dataclass(frozen=True)
class LabeledSet:
    """A set: its name, its commit on the Hub (None for a folder), its license (empty: none stated), its files."""

    name: str
    revision: str | None
    license: str
    sources: tuple[str, ...]

    def stated(self) -> dict[str, Any]:
        """Return what is kept with the weights."""
        data = asdict(self)
        del data["sources"]
        return data


def open_labeled_set(name: str, *, split: str = "train") -> LabeledSet:
    """Return a set by its Hub id (`OWNER/NAME[@COMMIT][:CONFIG]`) or its folder.

    Raises InputError for one that the Hub does not have, and MissingExtra without what reads it.
    """
    if Path(name).is_dir():
        card = Path(name) / CARD
        text = card.read_text(encoding="utf-8") if card.is_file() else ""
        sources = tuple(str(path) for path in expand_paths(name, split=split))
        return LabeledSet(Path(name).name, None, license_of_card(text), sources)
    repo, revision, config = parse_hub_name(name)
    text, commit = _card_of_hub(repo, revision)
    source = f"{HUB_PREFIX}{repo}@{commit}" + (f":{config}" if config else "")
    return LabeledSet(repo, commit, license_of_card(text), (source,))


def license_of_card(text: str) -> str:
    """Return the license that the front matter of a card states, empty where it states none."""
    import yaml

    parts = text.split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return ""
    try:
        matter = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return ""
    stated = matter.get("license") if isinstance(matter, dict) else None
    named = matter.get("license_name") if isinstance(matter, dict) and stated == "other" else None
    found = named or stated or ""
    return ", ".join(map(str, found)) if isinstance(found, list) else str(found)


def _card_of_hub(repo: str, revision: str | None) -> tuple[str, str]:
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
    except ImportError:
        raise MissingExtra(f"reading {repo} from the Hub", "scale") from None
    # The library reads the variable when it is imported, and a program may set it later.
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    try:
        commit = api.dataset_info(repo, revision=revision).sha or ""
        path = api.hf_hub_download(repo, CARD, repo_type="dataset", revision=commit)
    except EntryNotFoundError:
        return "", commit
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise InputError(f"{repo}: the Hub did not return this data set ({error})") from error
    return Path(path).read_text(encoding="utf-8"), commit
