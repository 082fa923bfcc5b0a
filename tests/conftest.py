"""What every test shares: `tests/` on the import path, and one thread a process, since two tests run at a time."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from hypothesis import settings

# The same examples at every run of CI, so that a change is judged by what it changed; others at every run by hand.
# How long an example takes is not what is tested: other tests run beside it.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("by hand", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "by hand")
