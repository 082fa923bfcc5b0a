"""What every test shares: `tests/` on the import path, and one thread a process, since two tests run at a time."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
