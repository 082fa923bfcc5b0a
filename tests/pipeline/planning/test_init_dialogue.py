"""`hanhua init` at a terminal: dialogues with wrong answers among the right ones, each ending in a sound recipe."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pexpect
import pytest
from small_llama import write_small_base
from small_model import write_small_model

from hanhua.pipeline.planning.estimate import estimate_recipe
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.readiness import READINESS

Turns = list[tuple[str, str, str]]
"""What is asked, what is answered, and what must be said before the next question."""

START: Turns = [("Base model", "", ""), ("GPUs", "8xA800", ""), ("Texts", "zh/*.jsonl", "text in 'content'")]
TEXTS: Turns = [("language", "", ""), ("license", "CC0-1.0", ""), ("More texts", "", "")]
REST: Turns = [("Chinese texts", "", ""), ("New tokens", "", ""), ("Benchmarks", "", ""), ("Publish it to", "", "")]

DIALOGUES: dict[str, tuple[Turns, dict[str, object]]] = {
    "all as proposed": (
        [("Base model", "", ""), ("GPUs", "", ""), ("Texts", "", "public Hub data sets"), ("Budget", "", ""), *REST],
        {"hardware.devices": "1xH100", "continued_pretrain.max_tokens": 10**9, "vocab_extension.new_tokens": 16384},
    ),
    "own texts with a field of their own": (
        [*START, *TEXTS, ("Budget", "2.5e8", ""), *REST],
        {"corpora.zh.text_field": "content", "corpora.zh.license": "CC0-1.0", "hardware.devices": "8xA800"},
    ),
    "wrong answers ask again": (
        [
            ("Base model", "nowhere", "neither a folder"), ("Base model", "", ""),
            ("GPUs", "H101", "did you mean H100?"), ("GPUs", "Ascend910B", "not supported"),
            ("GPUs", "A100", "say whether it is"), ("GPUs", "A100-80GB", ""),
            ("Texts", "nowhere.jsonl", "no such file"), ("Texts", "zh/a.jsonl", ""),
            ("language", "chinese", "is not one of"),
            *TEXTS, ("Budget", "a lot", "not a number of tokens"), ("Budget", "48h", ""),
            ("Chinese texts", "klingon", "is not one of"), ("Chinese texts", "simplified", ""),
            ("New tokens", "100", "at least 256"), ("New tokens", "0", ""),
            ("Benchmarks", "cevel", "did you mean ceval?"), ("Benchmarks", "ceval, mmlu", ""),
            ("Publish it to", "", ""),
        ],
        {"filtering.text.convert": "t2s", "vocab_extension": None, "hardware.devices": "A100-80GB"},
    ),
    "eight billion parameters do not fit a card trained whole, 70 billion not a 4090": (
        [
            ("Base model", "meta-llama/Meta-Llama-3-70B", ""), ("GPUs", "RTX4090", "cannot be trained there"),
            ("GPUs", "8xH20", ""), ("Texts", "", ""), ("Budget", "1B", ""), *REST,
        ],
        {"hardware.devices": "8xH20", "continued_pretrain.max_tokens": 10**9},
    ),
    "405 billion do not fit one machine": (
        [
            ("Base model", "meta-llama/Llama-3.1-405B", ""), ("GPUs", "8xA100-40GB", "cannot be trained there"),
            ("GPUs", "64xH800", ""), ("Texts", "", ""), ("Budget", "1e9", ""), *REST,
        ],
        {"hardware.devices": "64xH800"},
    ),
    "money without a price does not do, and hours do": (
        [
            ("Base model", "meta-llama/Meta-Llama-3-70B", ""), ("GPUs", "A100-40GB", "cannot be trained there"),
            ("GPUs", "2xH800", ""), ("Texts", "", ""),
            ("Budget", "$100", "needs the price"), ("Budget", "72 小时", ""), *REST,
        ],
        {"hardware.devices": "2xH800"},
    ),
    "a 24 GB card takes four bits": (
        [("Base model", "", ""), ("GPUs", "4090", ""), ("Texts", "", ""), ("Budget", "1亿", ""), *REST],
        {"continued_pretrain.quantize": "nf4", "continued_pretrain.max_tokens": 10**8},
    ),
    "by memory alone": (
        [
            ("Base model", "", ""), ("GPUs", "96GB", "taken for H20-96GB"), ("Texts", "", ""), ("Budget", "24h", ""),
            *REST,
        ],
        {"hardware.devices": "96GB"},
    ),
    "a model found on disk, by its number": (
        [("Base model", "1", ""), ("GPUs", "5090", ""), *START[2:], *TEXTS, ("Budget", "1e7", ""), *REST],
        {"hardware.devices": "5090"},
    ),
    "ModelScope, Taiwan, and publishing there": (
        [
            ("Base model", "ms://LLM-Research/Meta-Llama-3-8B", ""), ("GPUs", "RTX PRO 6000", ""),
            ("Texts", "ms://me/texts:zh/*.jsonl", ""), *TEXTS, ("Budget", "500M", ""),
            ("Chinese texts", "traditional (taiwan)", ""), ("New tokens", "8192", ""), ("Benchmarks", "none", ""),
            ("Publish it to", "modelscope", ""),
        ],
        {"base.model": "ms://LLM-Research/Meta-Llama-3-8B", "filtering.text.convert": "s2tw",
         "vocab_extension.new_tokens": 8192, "eval.benchmarks": []},
    ),
    "two corpora of one language and one of another": (
        [
            ("Base model", "", ""), ("GPUs", "H200", ""), ("Texts", "zh/a.jsonl", ""), ("language", "", ""),
            ("license", "", ""), ("More texts", "zh/b.jsonl", ""), ("language", "", ""), ("license", "MIT", ""),
            ("More texts", "en.jsonl", ""), ("language", "", ""), ("license", "MIT", ""), ("More texts", "", ""),
            ("Budget", "1,000,000,000", ""), *REST,
        ],
        {"corpora.zh_2.license": "MIT", "corpora.en.language": "en", "corpora.zh.weight": 0.4},
    ),
    "GPUs of this machine are found": (
        [("Base model", "", ""), ("GPUs", "", ""), ("Texts", "", ""), ("Budget", "", ""), *REST],
        {"hardware.devices": "2xA800-80GB"},
    ),
}  # fmt: skip
QUICK = ("wrong answers ask again", "ModelScope, Taiwan, and publishing there")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "zh").mkdir()
    for name in ("a", "b"):
        text = {"id": name, "content": "今天天气很好，我们去公园散步，看见了很多花，也听见了鸟叫。"}
        (tmp_path / "zh" / f"{name}.jsonl").write_text(json.dumps(text, ensure_ascii=False) + "\n", encoding="utf-8")
    (tmp_path / "en.jsonl").write_text('{"text": "The weather is fine today, and we walk in the park."}\n')
    return tmp_path


def at(data: object, place: str) -> object:
    for step in place.split("."):
        data = data[step] if isinstance(data, dict) and data[step] is not None else None
    return data


def talk(home: Path, turns: Turns, *, path: str = "") -> str:
    """Hold a dialogue in `home`; return all that was said."""
    env = {**os.environ, "HOME": str(home), "TERM": "dumb", "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    line = ["-m", "hanhua.cli.main", "init", "mine.yaml"]
    child = pexpect.spawn(
        sys.executable, line, cwd=str(home), env=env, encoding="utf-8", timeout=60, dimensions=(60, 200)
    )
    said = ""
    for question, answer, then in turns:
        child.expect_exact(question)
        said += str(child.before) + question
        child.sendline(answer)
        if then:
            child.expect_exact(then)
            said += str(child.before) + then
    child.expect(pexpect.EOF)
    child.close()
    said += str(child.before)
    assert child.exitstatus == 0, said
    return said


def prepared(home: Path, name: str) -> str:
    """Put there what a dialogue finds on the machine; return a folder for the PATH."""
    if name == "a model found on disk, by its number":
        (home / "tokenizer").mkdir()
        write_small_model(home / "models" / "tiny-llama", write_small_base(home / "tokenizer"))
    if name != "GPUs of this machine are found":
        return ""
    (home / "bin").mkdir()
    program = home / "bin" / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf 'NVIDIA A800-SXM4-80GB, 81920\\nNVIDIA A800-SXM4-80GB, 81920\\n'\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return str(program.parent)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else (pytest.mark.slow,)) for name in DIALOGUES]
)
def test_a_dialogue_ends_in_a_recipe_that_validates_and_plans(name: str, home: Path) -> None:
    turns, expected = DIALOGUES[name]
    said = talk(home, turns, path=prepared(home, name))
    assert "next: hanhua plan mine.yaml" in said and "Traceback" not in said
    loaded = load_recipe(home / "mine.yaml", checks=READINESS)
    data = loaded.recipe.model_dump(mode="json")
    assert {place: at(data, place) for place in expected} == expected
    found = estimate_recipe(loaded.recipe)
    assert found.fits and found.training is not None and found.training.hours > 0
    assert not [path for path in home.iterdir() if path.name.endswith(".draft")]
    if "publishing" in name:
        assert "--hub modelscope" in (home / "mine.yaml").read_text(encoding="utf-8")


def test_there_are_twelve_and_three_meet_hardware_that_does_not_fit() -> None:
    assert len(DIALOGUES) == 12
    refused = [
        name for name, (turns, _) in DIALOGUES.items() if any("cannot be trained" in then for _, _, then in turns)
    ]
    assert len(refused) >= 3
