"""Learning new tokens from the same text with this code, that of another checkout, and peers from the registry.

    python benchmarks/vocab_learn_peers.py --data DIR --megabytes 24 82 --rounds 2 --against CHECKOUT

Everything from the text to the tokenizer on disk: ours with its proof and the measure on what is held out. Each in
a process of its own, by turns, in processor seconds of all its processes; the memory is that of the largest one. Beyond
what the files hold, --megabytes takes all of them. The peers are installed in a virtual environment of their own,
pinned, unless --peers names the folder of their programs. Ours keeps the word lists of a base in the user's cache: the
first round of a checkout whose lists are not there makes them, so take its second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measurement import add_json_option, markdown_head, markdown_row, write_measurement
from vocab_learn_speed import write_mixture

from hanhua.artifacts.files import read_json
from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.vocab_extension.texts import TextFiles, sources_of

PEERS = ("bpe-continue==0.1.0",)
PROGRAM = "import sys; from hanhua.cli.vocab_extension import main; sys.exit(main())"
_KIB = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--learn", default="zh_*", help="glob of the files to learn from")
    parser.add_argument("--new-tokens", type=int, default=32_000)
    parser.add_argument("--megabytes", type=float, nargs="*", default=[24, 100])
    parser.add_argument("--against", type=Path, help="another checkout, whose folder .types is imported")
    parser.add_argument("--rounds", type=int, default=1, help="how often each learns from the same text")
    parser.add_argument("--peers", type=Path, help="folder of the peers' programs, such as .venv/bin")
    parser.add_argument("--without-peers", action="store_true")
    add_json_option(parser)
    given = parser.parse_args()
    files, results = sources_of([given.data / given.learn]), []
    print(markdown_head("MB", "round", "who", "processor seconds", "peak GB", "tokens"))
    with TemporaryDirectory() as folder:
        peers = None if given.without_peers else given.peers or installed(Path(folder) / "peers")
        for megabytes in given.megabytes:
            texts = write_mixture(files, megabytes, Path(folder) / f"{megabytes:g}")
            turns = [(n, one) for n in range(1, given.rounds + 1) for one in contenders(given, texts, peers)]
            for turn, (who, command, path) in turns:
                done = {"megabytes": megabytes, "round": turn, "who": who, **measured(command, path, texts / "out")}
                figures = f"{done['processor_seconds']:.1f}", f"{done['peak_bytes'] / 1e9:.2f}", f"{done['tokens']:,}"
                print(markdown_row(f"{megabytes:g}", str(turn), who, *figures), flush=True)
                results.append(done)
    write_measurement(__file__, given, results)


def installed(folder: Path) -> Path:
    """Return the programs of a new virtual environment with the peers in it."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return folder / "bin"


def contenders(given: argparse.Namespace, texts: Path, peers: Path | None) -> list[tuple[str, list[str], str]]:
    """Return name, command and PYTHONPATH of each; the text is there as JSON lines, and plain for the peers."""
    ours = [sys.executable, "-c", PROGRAM, "learn", "--corpus", *map(str, sorted(texts.glob("*.jsonl")))]
    ours += ["--new-tokens", str(given.new_tokens), "--out", str(texts / "out")]
    here = Path(__file__).resolve().parents[1]
    found = [("this code", ours, str(here / ".types"))]
    if given.against:
        found.append(("before", ours, str(given.against.resolve() / ".types")))
    if peers:
        plain = texts / "plain.txt"
        with plain.open("w", encoding="utf-8") as out:
            out.writelines(text + "\n" for text in TextFiles(tuple(map(str, sorted(texts.glob("*.jsonl"))))))
        base = resolve_base_tokenizer("llama3") / "tokenizer.json"
        size = str(max(read_json(base)["model"]["vocab"].values()) + 257 + given.new_tokens)
        command = [str(peers / "bpe-continue"), str(base), str(texts / "out" / "tokenizer.json"), str(plain)]
        found.append(("bpe-continue", [*command, "--vocab-size", size, "--quiet"], ""))
    return found


def measured(command: list[str], path: str, out: Path) -> dict[str, Any]:
    """Run a contender; return its figures. `out`: what it writes, removed again."""
    environment = {**os.environ, "PYTHONPATH": path}
    with (out.parent / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit((out.parent / "log").read_text()[-2000:])
    tokens = len(read_json(out / "tokenizer.json")["model"]["vocab"])
    out.rename(out.with_name(f"out-{process.pid}"))
    return {
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * _KIB,
        "tokens": tokens,
    }


if __name__ == "__main__":
    main()
