"""Whether the Hub will take a release's card and scores: asked of its own client, which needs no network for this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from hanhua.release.eval_results import FOLDER as ENTRIES

CARD = "README.md"


def wrong_card(release: Path) -> Iterator[str]:
    """Yield what the Hub would refuse or misread: metadata that does not parse, ids it does not take."""
    from huggingface_hub import ModelCard

    text = (release / CARD).read_text(encoding="utf-8")
    try:
        card = ModelCard(text)
    except (ValueError, TypeError) as error:
        yield f"{CARD}: the Hub cannot read its metadata ({error})"
        return
    data = card.data.to_dict()
    yield from _wrong_ids("base_model", _listed(data.get("base_model")))
    yield from _wrong_ids("datasets", _listed(data.get("datasets")))
    yield from _wrong_ids("model-index", _ranked(data))
    yield from _wrong_entries(release / ENTRIES)


def _wrong_entries(folder: Path) -> Iterator[str]:
    from huggingface_hub import parse_eval_result_entries

    for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
        try:
            entries = parse_eval_result_entries(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, AttributeError, ValueError, yaml.YAMLError) as error:
            yield f"{ENTRIES}/{path.name}: not laid out as the Hub reads scores ({type(error).__name__}: {error})"
            continue
        yield from _wrong_ids(f"{ENTRIES}/{path.name}", [entry.dataset_id for entry in entries])


def _wrong_ids(where: str, ids: Iterable[str]) -> Iterator[str]:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    for name in ids:
        try:
            validate_repo_id(name)
        except HFValidationError as error:
            yield f"{where}: {name!r} is no id of the Hub ({error})"


def _ranked(data: dict[str, Any]) -> list[str]:
    return [result["dataset"]["type"] for one in data.get("model-index") or [] for result in one["results"]]


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(one) for one in value] if isinstance(value, list) else [str(value)]
