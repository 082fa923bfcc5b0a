"""Progress as a person sees it on a terminal, and as a log holds it: a real terminal, a real pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hanhua.progress import also_log_to, data_size, duration, say

pty = pytest.importorskip("pty")

WORK = """
import sys, time
from hanhua import progress
progress.DRAW_EVERY_SECONDS = progress.LINE_EVERY_SECONDS = 0.01
with progress.Progress({name!r}, total={total}, unit="documents", done={done}) as bar:
    for i in range(5):
        time.sleep(0.02)
        bar.advance(10, note="kept [8] 篇", share={share})
        if i == 2:
            progress.say("a word between")
            print("data", flush=True)
    {end}
"""


def code(total: int | None = 200, done: int = 100, share: str = "None", end: str = "pass") -> str:
    return WORK.format(name="过滤 [a]", total=total, done=done, share=share, end=end)


def on_a_terminal(program: str, columns: int = 100) -> tuple[str, str]:
    """Return what a program writes to stderr, which is a terminal of its own, and to stdout, which is a pipe."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stderr=theirs, stdout=subprocess.PIPE, env=environment, text=True
    )
    os.close(theirs)
    shown = bytearray()

    def collect() -> None:
        try:
            while chunk := os.read(ours, 65536):
                shown.extend(chunk)
        except OSError:  # the terminal is gone with its last writer
            pass

    reader = threading.Thread(target=collect)
    reader.start()
    out, _ = process.communicate(timeout=60)
    reader.join(60)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8")), out


def test_a_terminal_shows_a_bar_with_count_rate_and_note() -> None:
    shown, out = on_a_terminal(code())
    assert "过滤 [a]" in shown
    assert "━" in shown
    assert "60%" in shown
    assert "120/200 documents · " in shown
    assert "/s" in shown
    assert "kept [8] 篇" in shown
    assert "a word between" in shown
    assert re.search(r"过滤 \[a\]: 150 documents in \d\.\d s$", shown.rstrip())
    assert out == "data\n"  # what goes to stdout is never taken for the terminal's


def test_the_share_of_the_work_fills_the_bar_where_there_is_no_total() -> None:
    shown, _ = on_a_terminal(code(total=None, done=0, share="(i + 1) / 10"))
    assert "30%" in shown
    assert "30 documents · " in shown


def test_without_total_and_share_there_is_a_count() -> None:
    shown, _ = on_a_terminal(code(total=None, done=0))
    assert "30 documents · " in shown
    assert "%" not in shown


def test_an_error_takes_the_bar_away_and_says_no_last_line() -> None:
    shown, _ = on_a_terminal(code(end="raise SystemExit(3)"))
    assert " in 0." not in shown


def test_elsewhere_a_line_is_said_and_logged(tmp_path: Path) -> None:
    program = code().replace(
        "with progress.Progress",
        f"with progress.also_log_to(progress.Path({str(tmp_path / 'log')!r})), progress.Progress",
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"过滤 \[a\]: 110/200 documents \(55%\) · [\d,]+/s · [\d.]+ s left · kept \[8\] 篇", lines[0])
    assert re.fullmatch(r"过滤 \[a\]: 150 documents in \d\.\d s", lines[-1])
    logged = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 2)[2] for line in logged] == lines


def test_what_is_said_is_logged_only_inside_the_block(tmp_path: Path) -> None:
    with also_log_to(tmp_path / "logs" / "stage.log"):
        say("inside")
    say("outside")
    assert (tmp_path / "logs" / "stage.log").read_text(encoding="utf-8").endswith(" inside\n")


def test_sizes_and_times_are_as_people_read_them() -> None:
    assert [duration(s) for s in (3.21, 42, 61, 3725)] == ["3.2 s", "42 s", "1 min 1 s", "1 h 2 min"]
    assert [data_size(n) for n in (16.1e9, 33e6, 95_000)] == ["16.1 GB", "33 MB", "95 kB"]
