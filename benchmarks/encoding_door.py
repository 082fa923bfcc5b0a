"""How much the one door for ids saves, and that it changes none: encoding, packing and measuring, in processor time.

    python benchmarks/encoding_door.py --data DIR --megabytes 100 --against CHECKOUT

Takes the first so many megabytes of the files of DIR, in turn, whatever their language. `ids`: both encoders on the
same texts, and how many texts differ. `pack` and `measure`: end to end, each in a process of its own, with this code
and with that of another checkout; what they make must be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measurement import add_json_option, markdown_head, markdown_row, write_measurement

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.continued_pretrain.pack import pack_corpora
from hanhua.documents import Document
from hanhua.documents.corpus import read_corpus, write_corpus
from hanhua.model_folder import load_tokenizer
from hanhua.vocab_extension.measuring.measure import measure, open_subject
from hanhua.vocab_extension.texts import TextFiles, sources_of

BATCH = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of text files")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--base", default="llama3")
    parser.add_argument("--against", type=Path, help="another checkout, whose folder .types is imported")
    parser.add_argument("--child", nargs=2, metavar=("TASK", "FOLDER"), help=argparse.SUPPRESS)
    add_json_option(parser)
    given = parser.parse_args()
    if given.child:
        print(CHILDREN[given.child[0]](Path(given.child[1]), resolve_base_tokenizer(given.base)))
        return
    with TemporaryDirectory() as folder:
        write_corpus(Path(folder), mixed(given.data, given.megabytes * 1e6))
        results = [compare_ids(Path(folder), given.base)]
        print(markdown_head("what", "MB", "before, s", "now, s", "times", "differing"))
        show(results[0], given.megabytes)
        for task in ("pack", "measure"):
            results.append(compare(task, Path(folder), given))
            show(results[-1], given.megabytes)
    write_measurement(__file__, given, results)


def show(row: dict[str, Any], megabytes: float) -> None:
    before, now = row["before_seconds"], row["now_seconds"]
    figures = f"{before:.1f}", f"{now:.1f}", f"{before / now:.1f}", str(row["differing"])
    print(markdown_row(row["what"], f"{megabytes:g}", *figures), flush=True)


def mixed(data: Path, wanted_bytes: float) -> Iterator[Document]:
    """Yield one document of each file after another, until there are so many bytes."""
    streams = {Path(file).name.split(".")[0]: iter(TextFiles((file,))) for file in sources_of([data])}
    taken = number = 0
    while streams and taken < wanted_bytes:
        for name in list(streams):
            text = next(streams[name], None)
            if text is None:
                del streams[name]
                continue
            taken += len(text.encode())
            number += 1
            language = "zh" if name.startswith("zh") else "en"
            yield Document(text=text, id=f"{name}-{number}", source=name, corpus=name, language=language, split="train")


def compare_ids(folder: Path, base: str) -> dict[str, Any]:
    """Encode every text by both ways in this process; count the texts with other ids."""
    from hanhua.encoding import Encoder

    tokenizer = load_tokenizer(resolve_base_tokenizer(base))
    encoder = Encoder(tokenizer, expected_bytes=1 << 40)
    seconds = {"before": 0.0, "now": 0.0}
    differing = 0
    texts = [document.text for document in read_corpus(folder, split="train")]
    for at in range(0, len(texts), BATCH):
        batch = texts[at : at + BATCH]
        began = time.process_time()
        slow = [encoding.ids for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False)]
        between = time.process_time()
        rows = encoder.encode(batch)
        seconds["now"] += time.process_time() - between
        seconds["before"] += between - began
        differing += sum(ids != row.tolist() for ids, row in zip(slow, rows, strict=True))
    assert encoder.is_fast, "fastokens did not take over"
    return {"what": "ids", "before_seconds": seconds["before"], "now_seconds": seconds["now"], "differing": differing}


def compare(task: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    here = Path(__file__).resolve().parents[1]
    before, expected = run(task, folder, given, given.against.resolve())
    now, found = run(task, folder, given, here)
    return {"what": task, "before_seconds": before, "now_seconds": now, "differing": int(expected != found)}


def run(task: str, folder: Path, given: argparse.Namespace, checkout: Path) -> tuple[float, str]:
    """Return the processor seconds of a child with the code of a checkout, all its processes, and what it printed."""
    command = [sys.executable, __file__, "--base", given.base, "--child", task, str(folder)]
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(checkout / ".types")}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime, done.stdout


def pack_all(folder: Path, base: Path) -> str:
    with TemporaryDirectory() as work:
        packed = pack_corpora(folder, corpus_hash="0" * 64, tokenizer_folder=base, work=Path(work))
        return " ".join(hashlib.sha256(packed[name].tokens_T.tobytes()).hexdigest() for name in sorted(packed))


def measure_all(folder: Path, base: Path) -> str:
    texts = {"all": TextFiles(tuple(map(str, sorted(folder.glob("part-*")))))}
    return str([row.as_json() for row in measure([open_subject(base, name="base")], texts)])


CHILDREN: dict[str, Callable[[Path, Path], str]] = {"pack": pack_all, "measure": measure_all}


if __name__ == "__main__":
    main()
