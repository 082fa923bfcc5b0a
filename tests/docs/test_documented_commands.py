"""Every command in the docs is one the programs take; the blocks marked `<!-- run -->` are run as they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import zstandard
from documented import PROGRAMS, ROOT, Block, blocks, pages, words_of

ALL = [block for page in pages() for block in blocks(page)]
MARKED = [block for block in ALL if block.marked]


def name(block: Block) -> str:
    return f"{block.page.relative_to(ROOT)}:{block.line}"


def program(word: str) -> Any:
    from hanhua.cli import main, vocab_extension

    return typer.main.get_command({"hanhua": main.app, "vocab-extension": vocab_extension.app}[word])


def parse(words: list[str]) -> None:
    """Let the program read its words as it would, and do nothing."""
    command, rest = program(words[0]), words[1:]
    while hasattr(command, "commands"):
        if not rest or rest[0] not in command.commands:
            # A group that does something by itself, such as `hanhua recipes`.
            context = command.make_context(words[0], list(rest))
            if rest and not rest[0].startswith("-"):
                command.resolve_command(context, list(rest))
            return
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(" ".join(words[:2]), list(rest))


@pytest.mark.parametrize("block", ALL, ids=name)
def test_the_program_takes_what_the_docs_say(block: Block) -> None:
    for command in block.commands:
        if command.split()[0] not in PROGRAMS or "…" in command:
            continue
        try:
            parse(words_of(command))
        except (SystemExit, typer.Exit):
            pass  # --help, --list-tasks
        except Exception as error:
            said = error.format_message() if hasattr(error, "format_message") else repr(error)
            pytest.fail(f"{name(block)}: {command}\n{said}")


def test_the_harness_finds_commands_and_wrong_ones() -> None:
    assert len(ALL) > 5 and any(block.marked for block in ALL)
    with pytest.raises(Exception, match="No such option"):
        parse(["hanhua", "plan", "quickstart", "--no-such"])
    with pytest.raises(Exception, match="No such command"):
        parse(["hanhua", "paln", "quickstart"])


def texts(folder: Path) -> None:
    """Put there what the docs call texts of one's own."""
    data = ROOT / "recipes" / "quickstart"
    chinese = b"".join(path.read_bytes() for path in sorted(data.glob("zh_*.jsonl")))
    english = (data / "en.jsonl").read_bytes()
    (folder / "my_texts.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(chinese))
    (folder / "other_texts.jsonl").write_bytes((data / "zh_hant.jsonl").read_bytes())
    (folder / "english.txt").write_text(
        "\n".join(" ".join(json.loads(line)["text"].split()) for line in english.splitlines()), encoding="utf-8"
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """One folder for each page: its blocks are run in order, each on what those before it left there."""
    made = {}
    for page in {block.page for block in MARKED}:
        made[page] = tmp_path_factory.mktemp(page.name.replace(".", "_"))
        texts(made[page])
    return made


@pytest.mark.soak
@pytest.mark.parametrize("block", MARKED, ids=name)
def test_a_marked_block_runs(block: Block, folders: dict[Path, Path]) -> None:
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = ["bash", "-euo", "pipefail", "-c", "\n".join(block.commands)]
    done = subprocess.run(script, cwd=folders[block.page], capture_output=True, text=True, env=env)
    assert done.returncode == 0, f"{name(block)}: {done.stderr[-2000:]}"


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "rank" in (tmp_path / "site" / "configuration" / "index.html").read_text(encoding="utf-8")
