"""Rows of a data set of the Hub by configuration and split: what questions are read from. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hanhua.errors import MissingExtra


def read_hub_set(
    hub: str, *, configs: Sequence[str] = (), split: str, revisions: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (repository, configuration, row) of a split. configs: () for all there are; revisions: commits by id.

    `{config}` in the name of the repository stands for each configuration, which is then a repository of its own.
    """
    try:
        from datasets import get_dataset_config_names, load_dataset
    except ImportError:
        raise MissingExtra(f"reading {hub} from the Hub", "scale") from None
    for name in configs or get_dataset_config_names(hub, revision=revisions.get(hub)):
        one_each = "{config}" in hub
        repo = hub.format(config=name) if one_each else hub
        for row in load_dataset(repo, None if one_each else name, split=split, revision=revisions.get(repo)):
            yield repo, name, dict(row)
