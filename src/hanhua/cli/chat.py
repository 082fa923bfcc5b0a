"""`hanhua chat`: a conversation with a model in the terminal."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hanhua.cli.conversation import Conversation, Reply

EXAMPLE = "Example: hanhua chat Llama-3-8B-zh-chat --system '你是一个有用的助手。'"
HELP = "/reset starts over, /system TEXT changes the system prompt, /quit exits"


def chat(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A chat model's folder, or a Hub id")],
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="System prompt (default: none)")] = None,
    max_new_tokens: Annotated[int, typer.Option(metavar="N", min=1, help="Maximum length of a reply in tokens")] = 512,
    temperature: Annotated[
        float | None,
        typer.Option(
            metavar="T", min=0, help="Sampling temperature; 0 is greedy (default: from the generation config)"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Random seed for sampled replies (default: none)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per reply, for scripts")] = False,
) -> None:
    """Talk to a model: replies are streamed, followed by tokens and characters per second.

    A reply ends where the model ends it, by any of its end tokens. Without a terminal every line of stdin is a turn.
    """
    from hanhua.base.model_source import model_source
    from hanhua.errors import MissingExtra

    try:
        from hanhua.cli.conversation import Sampling, open_conversation
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtra("hanhua chat", "train") from None
    from hanhua.cli.restore import model_folder

    path = Path(model).expanduser()
    folder = model_folder(path) if path.is_dir() else model_source(model)
    talk = open_conversation(folder, sampling=Sampling(max_new_tokens, temperature, seed), system=system)
    for line in _lines(model):
        if line.startswith("/"):
            if not _obeyed(talk, line):
                return
        elif line:
            _turn(talk, line, as_json=as_json)


def _lines(model: str) -> Iterator[str]:
    """Yield the user's lines, stripped: typed at a prompt, or read from stdin."""
    if not sys.stdin.isatty():
        yield from _piped_lines()
        return
    from hanhua.progress import say

    with suppress(ImportError):
        import readline  # noqa: F401 - gives the prompt its history and its arrow keys
    say(f"{model}: {HELP}")
    yield from _typed_lines()


def _typed_lines() -> Iterator[str]:
    """Yield what is typed at the prompt until Ctrl-D, or until Ctrl-C comes twice running."""
    from hanhua.progress import say

    interrupted = False
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            return
        except UnicodeDecodeError as error:
            say(f"not UTF-8 (byte {error.start}), so this line was not understood; set the terminal to UTF-8")
            continue
        except KeyboardInterrupt:
            print()
            if interrupted:
                return
            interrupted = True
            say("no reply was being written; Ctrl-C again, Ctrl-D or /quit exits")
            continue
        interrupted = False
        yield line


def _piped_lines() -> Iterator[str]:
    """Yield the lines of stdin, in UTF-8, GB18030 or Big5; InputError for one in none that can be told."""
    from hanhua.documents.encodings import NAMES, UTF_8, NotDecodable, decode_line
    from hanhua.errors import InputError
    from hanhua.progress import say

    codec = UTF_8
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            text, found = decode_line(line.removeprefix(codecs.BOM_UTF8), codec)
        except NotDecodable as error:
            raise InputError(f"standard input, line {number}: {error}; send it as UTF-8 (iconv -t utf-8)") from None
        if found != codec:
            say(f"standard input is {NAMES[found]}, and is read as such")
            codec = found
        yield text.strip()


def _obeyed(talk: Conversation, line: str) -> bool:
    """Do what a command says; False ends the conversation."""
    from hanhua.progress import say

    name, _, rest = line.partition(" ")
    if name in ("/quit", "/exit"):
        return False
    if name == "/reset":
        talk.turns.clear()
    elif name == "/system":
        talk.system = rest.strip() or None
    else:
        say(HELP)
    return True


def _turn(talk: Conversation, text: str, *, as_json: bool) -> None:
    from hanhua.cli.conversation import TurnTooLong
    from hanhua.progress import say

    try:
        reply = talk.ask(text, show=_ignore if as_json else _show)
    except TurnTooLong as error:
        say(f"{error}; the conversation goes on without it")
        if as_json:
            print(json.dumps({"user": text, "reply": None, "error": str(error)}, ensure_ascii=False), flush=True)
        return
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
        print()
        say("stopped; this turn is forgotten")
        return
    if as_json:
        print(json.dumps(_facts(text, reply), ensure_ascii=False), flush=True)
        return
    print()
    say(_figures(reply))


def _show(piece: str) -> None:
    sys.stdout.write(piece)
    sys.stdout.flush()


def _ignore(piece: str) -> None:
    del piece


def _facts(text: str, reply: Reply) -> dict[str, Any]:
    return {
        "user": text,
        "reply": reply.text,
        "prompt_tokens": reply.prompt_tokens,
        "tokens": reply.tokens,
        "seconds": round(reply.seconds, 3),
        "characters_per_second": round(reply.characters_per_second, 1),
        "stopped": reply.stopped,
        "dropped_turns": reply.dropped,
    }


def _figures(reply: Reply) -> str:
    parts = [f"{reply.prompt_tokens:,} tokens in, {reply.tokens:,} out"]
    parts.append(f"{len(reply.text):,} characters, {reply.characters_per_second:,.1f} per second")
    if not reply.stopped:
        parts.append("cut at --max-new-tokens")
    if reply.dropped:
        parts.append(f"{reply.dropped} old turns no longer fit and were left out")
    return "; ".join(parts)
