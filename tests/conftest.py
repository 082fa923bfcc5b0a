"""What every test shares: `tests/` on the import path, and one thread a process, since two tests run at a time."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from hypothesis import settings

# The same examples at every run of CI, so that a change is judged by what it changed; others at every run by hand.
# How long an example takes is not what is tested: other tests run beside it.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("by hand", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "by hand")

LONGEST = (
    "test_pipeline.py",
    "pipeline/test_drift.py",
    "continued_pretrain/test_placements.py",
    "pipeline/test_runs.py",
)
"""Files of a minute and more, the longest first: begun last, one of them would leave the other process idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first; the order within a file stays."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(tests).as_posix()
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=place)
