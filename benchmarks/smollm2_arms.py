"""What makes a real model learn Chinese: many settings of SmolLM2-135M side by side, in minutes of one GPU.

    python benchmarks/smollm2_arms.py pack DATA --model FOLDER --corpora DIR     texts, tokens and rows, beforehand
    python benchmarks/smollm2_arms.py run DATA FOLDER --out FILE.jsonl --seconds 150 --only q
    python benchmarks/smollm2_arms.py table FILE.jsonl --figure FILE.svg

FOLDER is SmolLM2-135M-Instruct as Hugging Face lays it out. Set q: the quickstart's own texts, at budgets that two
cores reach in eight minutes, a search over settings for each number of new tokens, one process each. Set e: large
corpora, every arm on the same bytes, with and without new tokens. Each finished arm is a line of the file at once,
with the nats of every measured document, so that a run may be stopped at any time. `--scale 0.001` tries it all on a
CPU.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from measurement import add_json_option, write_measurement

WORKERS = {"q": (0, 128, 256, 512, 1024), "e": (0,)}


def main() -> None:
    given = _arguments()
    {"pack": _pack, "run": _run, "work": _work, "table": _table}[given.command](given)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("pack", help="write the data, beforehand and without a GPU")
    pack.add_argument("out", type=Path)
    pack.add_argument("--model", type=Path, required=True)
    pack.add_argument("--corpora", type=Path, required=True)
    pack.add_argument("--train-bytes", type=int, default=12_000_000)
    pack.add_argument("--measured-bytes", type=int, default=150_000)
    pack.add_argument("--only", choices=sorted(WORKERS))
    for name in ("run", "work"):
        run = commands.add_parser(name, help="train and measure arms" if name == "run" else "one process of run")
        run.add_argument("data", type=Path)
        run.add_argument("model", type=Path)
        run.add_argument("--out", type=Path, required=True)
        run.add_argument("--seconds", type=float, required=True)
        run.add_argument("--only", choices=sorted(WORKERS))
        run.add_argument("--device", help="cuda or cpu; by default what there is")
        run.add_argument("--scale", type=float, default=1.0, help="part of every budget, to try the script")
        run.add_argument("--new", type=int, nargs="+", help="of set q, only these numbers of new tokens")
        run.add_argument("--q-share", type=float, default=0.45, help="part of the time for set q, without --only")
        run.add_argument("--begin", type=float, default=0.0, help=argparse.SUPPRESS)
        run.add_argument("--deadline", type=float, help=argparse.SUPPRESS)
    table = commands.add_parser("table", help="print the arms, draw the curves")
    table.add_argument("files", type=Path, nargs="+")
    table.add_argument("--figure", type=Path)
    add_json_option(table)
    return parser.parse_args()


def _pack(given: argparse.Namespace) -> None:
    from smollm2_arms_pack import pack

    sets = [given.only] if given.only else sorted(WORKERS)
    pack(
        given.out,
        given.model,
        given.corpora,
        train_bytes=given.train_bytes,
        measured_bytes=given.measured_bytes,
        sets=sets,
    )


def _run(given: argparse.Namespace) -> None:
    """Start the processes of both sets and wait for them; set e loads while q runs, and begins when q's time is over.

    A process that dies is started again once, and goes on with the arms that the file does not hold.
    """
    began = time.time()
    share = {"q": 1.0, "e": 0.0}.get(given.only, given.q_share)
    ends = {"q": began + share * given.seconds, "e": began + given.seconds}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    wanted = [(name, new) for name in ("q", "e") if given.only in (None, name) for new in WORKERS[name]]
    wanted = [(name, new) for name, new in wanted if name == "e" or given.new is None or new in given.new]
    begins = {"q": began, "e": ends["q"] if given.only is None else began}
    running = {key: _start(given, *key, begin=begins[key[0]], deadline=ends[key[0]]) for key in wanted}
    restarted: set[tuple[str, int]] = set()
    while running:
        time.sleep(0.2)
        for key, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[key]
            deadline = ends[key[0]]
            if process.returncode and key not in restarted and time.time() < deadline - 20:
                print(f"{key[0]}-{key[1]}: died with {process.returncode}, started again", flush=True)
                restarted.add(key)
                running[key] = _start(given, *key, begin=began, deadline=deadline)
    print(f"run: {time.time() - began:.0f} s", flush=True)


def _start(given: argparse.Namespace, name: str, new: int, *, begin: float, deadline: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "work", str(given.data), str(given.model), "--out", str(given.out)]
    command += ["--seconds", str(given.seconds), "--begin", str(begin), "--deadline", str(deadline)]
    command += ["--only", name, "--new", str(new), "--scale", str(given.scale)]
    return subprocess.Popen([*command, *(["--device", given.device] if given.device else [])])


def _work(given: argparse.Namespace) -> None:
    from smollm2_arms_search import search_e, search_q
    from smollm2_arms_training import Bench

    bench = Bench(given.data, given.model, given.out, device=given.device, scale=given.scale, deadline=given.deadline)
    for new in given.new if given.only == "q" else (0, 2048):
        bench.set(given.only, new)
    time.sleep(max(0.0, given.begin - time.time()))
    if given.only == "q":
        search_q(bench, given.new[0])
    else:
        search_e(bench)


def _table(given: argparse.Namespace) -> None:
    from smollm2_arms_table import draw, print_arms, read_lines

    lines = read_lines(given.files)
    print_arms(lines)
    if given.figure:
        draw(lines, given.figure)
    write_measurement(__file__, given, lines)


if __name__ == "__main__":
    main()
