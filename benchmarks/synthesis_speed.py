"""Throughput, processor time and memory of asking, beside a bare client that keeps nothing, in turns in one run.

    python benchmarks/synthesis_speed.py --concurrency 64 --requests 640 --seconds 1 --json speed.json
    python benchmarks/synthesis_speed.py --concurrency 500 --requests 2000 --seconds 8

The server is a process of its own; each side is one, too. The bare client is `openai`'s, called by as many tasks as
requests may be under way, with the same bodies; it keeps no answer, retries nothing and counts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loopback_teacher import Teacher, echo, served_teacher
from measurement import add_json_option, write_measurement

from hanhua.documents import Document
from hanhua.documents.corpus import write_corpus
from hanhua.services import Services
from hanhua.synthesis.asking.run import ask_all
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.settings import AskingSettings, SeedSettings, SynthesisConfig, TeacherSettings
from hanhua.synthesis.stage import Job, make_job

HIDDEN = ("side", "url", "work", "number", "serve")


def make_texts(folder: Path, count: int) -> None:
    folder.mkdir()
    text = "河水从山上流下来，经过村庄和城市，最后流进大海。沿岸的人靠它灌溉，也靠它行船。" * 12
    write_corpus(folder, (Document(f"zh:{i}", f"第{i}篇。{text}", "zh", language="zh") for i in range(count)))


def make(url: str, corpus: Path, concurrency: int) -> Job:
    config = SynthesisConfig(
        teacher=TeacherSettings(model="loopback", base_url=url),
        forms=("faq@student",),
        seeds=SeedSettings(max_per_document=1),
        asking=AskingSettings(max_concurrency=concurrency, first_concurrency=concurrency, deadline_seconds=600),
    )
    return make_job(config, corpus, Services())


async def bare(job: Job, concurrency: int) -> int:
    import openai

    from hanhua.synthesis.teachers.endpoint import connection_limits

    http = openai.DefaultAsyncHttpxClient(limits=connection_limits(concurrency), trust_env=False)
    client = openai.AsyncOpenAI(
        api_key="none", base_url=job.config.teacher.base_url, max_retries=0, timeout=600, http_client=http
    )
    waiting, done = job.requests(), 0

    async def worker() -> None:
        nonlocal done
        for request in waiting:
            answer = await client.chat.completions.create(**request.body)
            done += bool(answer.choices[0].message.content)

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    await client.close()
    return done


def side(name: str, url: str, corpus: Path, concurrency: int, ledger: Path) -> dict[str, float]:
    """One side's figures; time counts from before the client is made to the last answer, on disk for ours."""
    job = make(url, corpus, concurrency)
    total = sum(job.counts().values())
    import openai  # noqa: F401  (both sides have it loaded before the clock starts)

    began, used = time.monotonic(), time.process_time()
    if name == "bare":
        done = asyncio.run(bare(job, concurrency))
    else:
        with open_ledger(ledger) as opened:
            teacher, settings = job.config.teacher, job.config.asking
            longest = job.longest_tokens
            done = ask_all(
                job.requests(), teacher=teacher, ledger=opened, settings=settings, total=total, longest_tokens=longest
            ).answered
    seconds, processor = time.monotonic() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"answered": done, "seconds": seconds, "processor_seconds": processor, "peak_megabytes": peak}


def serve(seconds: float) -> None:
    with served_teacher(Teacher(write=echo, seconds=seconds)) as url:
        print(url, flush=True)
        sys.stdin.read()


def run_side(name: str, url: str, folder: Path, concurrency: int, number: int) -> dict[str, Any]:
    arguments = ["--side", name, "--url", url, "--work", str(folder), "--concurrency", str(concurrency)]
    command = [sys.executable, __file__, *arguments, "--number", str(number)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"side": name, "per_second": found["answered"] / found["seconds"], **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--requests", type=int, default=640)
    parser.add_argument("--seconds", type=float, default=1.0, help="the server takes for one answer")
    parser.add_argument("--rounds", type=int, default=2)
    add_json_option(parser)
    for hidden in HIDDEN:
        parser.add_argument(f"--{hidden}", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(float(given.serve))
    elif given.side:
        work = Path(given.work)
        ledger = work / f"ledger-{given.number}.jsonl"
        print(json.dumps(side(given.side, given.url, work / "corpus", given.concurrency, ledger)))
    else:
        compare(given)


def compare(given: argparse.Namespace) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make_texts(folder / "corpus", given.requests)
        command = [sys.executable, __file__, "--serve", str(given.seconds)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            for number in range(given.rounds):
                for name in ("bare", "ours") if number % 2 == 0 else ("ours", "bare"):
                    rows.append(run_side(name, url, folder, given.concurrency, number))
                    print(json.dumps(rows[-1]), flush=True)
            server.terminate()
    rates = {name: [row["per_second"] for row in rows if row["side"] == name] for name in ("bare", "ours")}
    share = sum(rates["ours"]) / sum(rates["bare"])
    print(f"ours is {share:.1%} of the bare client's {sum(rates['bare']) / given.rounds:.1f} answers per second")
    for hidden in HIDDEN:
        delattr(given, hidden)
    write_measurement(__file__, given, {"rows": rows, "share_of_bare": share})


if __name__ == "__main__":
    main()
