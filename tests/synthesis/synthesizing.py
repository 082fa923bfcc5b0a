"""A process that synthesizes until it is done, for tests that kill it: FOLDER URL CONCURRENCY."""

from __future__ import annotations

import sys
from pathlib import Path

from note_form import settings

from hanhua.services import Services
from hanhua.synthesis.stage import synthesize_corpus


def main(folder: Path, url: str, concurrency: int) -> None:
    config = settings(url, folder / "forms", asking={"max_concurrency": concurrency, "first_concurrency": concurrency})
    out = folder / "out"
    out.mkdir(exist_ok=True)
    synthesize_corpus(config, folder / "corpus", out, ledger=folder / "ledger.jsonl", services=Services())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
