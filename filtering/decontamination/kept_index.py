"""The index of benchmark questions, made once for all workers and runs: it takes seconds, and each of them wants it.

It lies in the user's cache under a name that says all it depends on: the content of the files, the commits of the
Hub's sets, the limits, and the algorithm.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hanhua.artifacts.code_closure import closure_hashes
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.identity import content_of
from hanhua.filtering.decontamination.index import BenchmarkIndex
from hanhua.filtering.decontamination.questions import Question, read_hub_questions, read_questions
from hanhua.filtering.decontamination.settings import DecontaminationConfig
from hanhua.model_scope import COMMIT, is_modelscope, parse_modelscope
from hanhua.user_cache import cached_file, keep_file, read_arrays

ALGORITHM = "benchmark-index-2"
"""Raised when the arrays are written otherwise; how questions are read and cut is told by the hashes of the code."""
CODE = (
    "hanhua.filtering.decontamination.questions:read_questions",
    "hanhua.filtering.decontamination.index:BenchmarkIndex",
)
MOST_KEPT = 12


def build_index(config: DecontaminationConfig) -> BenchmarkIndex | None:
    """Return the index of the benchmarks a configuration names, from the cache if it is there; None for none."""
    if not config.benchmarks and not config.hub_benchmarks:
        return None
    kept = _place_of(config)
    found = read_arrays(kept) if kept is not None else None
    if found is not None:
        return BenchmarkIndex.restored(found)
    index = BenchmarkIndex(_questions(config), min_characters=config.min_characters)
    if kept is not None:
        keep_file(kept, index.write, most=MOST_KEPT)
    return index


def _questions(config: DecontaminationConfig) -> Iterator[Question]:
    for path in config.benchmarks:
        yield from read_questions(path)
    for hub in config.hub_benchmarks:
        yield from read_hub_questions(hub)


def _place_of(config: DecontaminationConfig) -> Path | None:
    """Return where the index lies; None where it depends on what the newest revision of a Hub set is."""
    if any(set(hub.ids()) - set(hub.revisions) for hub in config.hub_benchmarks):
        return None
    remote = [path for path in config.benchmarks if is_modelscope(path)]
    if not all(COMMIT.fullmatch(parse_modelscope(path).revision or "") for path in remote):
        return None
    hashes = FileHashes.forgetful()
    files = [[Path(path).name, content_of(Path(path), hashes)] for path in config.benchmarks if Path(path).exists()]
    hub = [one.model_dump() for one in config.hub_benchmarks]
    code = [closure_hashes(function) for function in CODE]
    return cached_file("benchmarks", [ALGORITHM, config.min_characters, files, remote, hub, code], suffix=".npz")
