"""The command lines as people mistype them: one clear sentence, the right exit code, never a traceback."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import zstandard
from program import call

from hanhua.cli.main import ORDER

PROGRAMS = {"hanhua": "hanhua.cli.main", "vocab-extension": "hanhua.cli.vocab_extension"}


def run(program: str, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return call(*arguments, cwd=cwd, module=PROGRAMS[program])


def recipe(folder: Path, data: bytes, name: str = "texts.jsonl") -> Path:
    (folder / name).write_bytes(data)
    path = folder / "recipe.yaml"
    path.write_text(
        f"name: x\nbase: {{toy: {{hidden_size: 16, layers: 1, heads: 2, kv_heads: 1}}}}\n"
        f"corpora: {{zh: {{path: {name}}}}}\nfiltering: {{}}\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("program", "arguments", "says"),
    [
        ("hanhua", ["rnu"], "No such command 'rnu'"),
        ("hanhua", ["run", "quikstart"], "did you mean quickstart?"),
        ("hanhua", ["run", "nowhere.yaml"], "no such recipe file"),
        ("hanhua", ["run", "toy", "--until", "evl"], "did you mean eval?"),
        ("hanhua", ["run", "quickstart", "--frm", "eval"], "No such option"),
        ("hanhua", ["status", "nowhere"], "not a run"),
        ("hanhua", ["recipes", "show", "quickstar"], "did you mean quickstart?"),
        ("hanhua", ["validate", "toy", "-s", "eval.batchsize=2"], "did you mean batch_size?"),
        ("vocab-extension", ["lern"], "No such command 'lern'"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(program: str, arguments: list[str], says: str, tmp_path: Path) -> None:
    done = run(program, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def truncated() -> bytes:
    whole = zstandard.ZstdCompressor().compress(b"".join(b'{"text": "%d"}\n' % (i * 7919) for i in range(3000)))
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("cut.jsonl.zst", truncated(), "cut.jsonl.zst: truncated"),
        ("bytes.jsonl", b"\xfc\xfd\xff\n\xfc\xfd\xff\n", "can be used (broken: 2)"),
        ("other.jsonl", b'{"content": "a"}\n', "fields found: content"),
        ("empty.jsonl", b"", "none of its"),
        ("short.jsonl", '{"text": "短"}\n'.encode(), "none of its"),
    ],
)
def test_texts_that_cannot_be_used_end_with_2(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    done = run("hanhua", "run", recipe(tmp_path, data, name), "--runs", tmp_path / "runs")
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_tells_scripts_too(tmp_path: Path) -> None:
    good = run("hanhua", "validate", "toy", "--json")
    assert json.loads(good.stdout)["valid"] is True
    bad = run("hanhua", "validate", "toy", "-s", "nam=x", "--json")
    assert bad.returncode == 2
    assert json.loads(bad.stdout)["valid"] is False


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_has_every_command_and_an_example(program: str) -> None:
    top = run(program, "--help")
    assert top.returncode == 0
    commands = ["learn", "verify", "measure", "resize"] if program == "vocab-extension" else ["run", "plan", "validate"]
    commands += [] if program == "vocab-extension" else ["status", "report", "train", "eval", "publish"]
    for name in commands:
        assert name in top.stdout
        assert "Example" in run(program, name, "--help").stdout, name


def test_commands_are_listed_in_the_order_of_use() -> None:
    help_ = run("hanhua", "--help").stdout
    listed = [line.split()[0] for line in help_.partition("Commands:")[2].splitlines() if re.match(r"  [a-z]", line)]
    assert tuple(listed) == ORDER


def test_a_copied_recipe_finds_its_texts(tmp_path: Path) -> None:
    done = run("hanhua", "recipes", "copy", "toy", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert run("hanhua", "validate", "mine.yaml", cwd=tmp_path).returncode == 0
    assert run("hanhua", "recipes", "copy", "toy", "mine.yaml", cwd=tmp_path).returncode == 2
