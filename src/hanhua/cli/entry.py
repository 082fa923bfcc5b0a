"""How every command ends: one clear message and the right exit code, never a traceback for a user's mistake."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from hanhua.errors import HanhuaError, UsageError
from hanhua.progress import say
from hanhua.renamed import OPTIONS

INTERRUPTED = 130
"""128 + SIGINT, as shells have it; typer ends with it too."""


def run_command(command: Callable[[], object]) -> int:
    """Run a command line to its end and return the exit code.

    `HANHUA_DEBUG=1` shows the traceback of any error.
    """
    # Set before torch is loaded: threads that spin while they wait make a busy machine several times
    # slower, and an idle one no faster.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # transformers warns that torch is missing, which is expected when only a tokenizer is used.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    if os.name == "nt":
        _write_utf8()
    try:
        _refuse_renamed(sys.argv[1:])
        command()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return _interrupted() if code == INTERRUPTED else code
    except KeyboardInterrupt:
        return _interrupted()
    except HanhuaError as error:
        _trace()
        say(f"error: {error}")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our stdout (`| head`) has left; that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _trace()
        hint = "; free some space and run the same command again" if error.errno == errno.ENOSPC else ""
        where = f"{error.filename}: " if error.filename else ""
        say(f"error: {where}{error.strerror or error}{hint}")
        return 1
    return 0


def _refuse_renamed(words: Sequence[str]) -> None:
    """Raise UsageError for an option of earlier versions, naming what it is called now."""
    for word in words:
        option = word.partition("=")[0]
        if option in OPTIONS:
            raise UsageError(f"{option} is called {OPTIONS[option]} now")


def _write_utf8() -> None:
    # A pipe or a file gets the code page of the system there, which has no Chinese and no rules of tables.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8")


def _interrupted() -> int:
    say("interrupted; finished work is kept, run the same command again to resume")
    return INTERRUPTED


def _trace() -> None:
    if os.environ.get("HANHUA_DEBUG"):
        traceback.print_exc()
