"""One process of several that train together: `python -m hanhua.continued_pretrain.worker JOB.json`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hanhua.artifacts.files import write_json
from hanhua.continued_pretrain.launch import read_job
from hanhua.continued_pretrain.stage import train_folder
from hanhua.errors import HanhuaError
from hanhua.launched import rank


def main(path: Path) -> int:
    """Train as the job says; the first process writes the facts next to it."""
    config, base, corpus, out, first_new_id = read_job(path)
    try:
        facts = train_folder(config, base, corpus, out, first_new_id=first_new_id)
    except HanhuaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if rank() == 0:
        write_json(path.with_name("facts.json"), facts)
    return 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stderr.flush()
    # Another process may have failed and never answer the library's farewell.
    os._exit(code) if code else sys.exit(0)
