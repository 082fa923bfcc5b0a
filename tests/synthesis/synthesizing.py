"""What a process does that is killed in tests: it synthesizes until it is done."""

from __future__ import annotations

from pathlib import Path

from note_form import settings

from hanhua.services import Services
from hanhua.synthesis.stage import synthesize_corpus


def run_to_the_end(folder: Path, url: str, concurrency: int) -> None:
    config = settings(url, folder / "forms", asking={"max_concurrency": concurrency, "first_concurrency": concurrency})
    out = folder / "out"
    out.mkdir(exist_ok=True)
    synthesize_corpus(config, folder / "corpus", out, ledger=folder / "ledger.jsonl", services=Services())
