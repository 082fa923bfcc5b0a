"""Answers as `vllm serve MODEL --port N` would, by the loopback teacher: for job scripts that start a server."""

from __future__ import annotations

import asyncio
import sys

from loopback_teacher import Teacher, serve_at
from note_form import note

if __name__ == "__main__":
    assert sys.argv[1:3] == ["serve", "loopback"]
    asyncio.run(serve_at(Teacher(write=note), int(sys.argv[sys.argv.index("--port") + 1])))
