"""The whole pipeline as a user runs it: real processes, the real 128K tokenizer, real kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from program import call, command, hanhua
from repository import QUICKSTART
from small_llama import write_small_base

DATA = QUICKSTART
STAGES = ["filtering", "base", "vocab_extension", "resize", "continued_pretrain", "eval", "release", "report"]

RECIPE = f"""\
name: Llama-3-zh-tiny
base:
  toy: {{hidden_size: 16, layers: 1, heads: 2, kv_heads: 1, pretrain_tokens: 2000, threads: 1}}
  tokenizer: TOKENIZER
corpora:
  zh: {{path: "{DATA}/zh_hans_*.jsonl", weight: 0.8, license: Apache-2.0}}
  en_replay: {{path: "{DATA}/en.jsonl", language: en, weight: 0.2, license: Apache-2.0}}
filtering: {{heldout_ratio: 0.1}}
vocab_extension: {{new_tokens: 256}}
continued_pretrain:
  max_tokens: 8192
  sequence_length: 128
  micro_batch_size: 2
  gradient_accumulation_steps: 1
  learning_rate: 1.0e-2
  embedding_learning_rate: 1.0e-2
  lora: {{rank: 4}}
  save_steps: 4
  threads: 1
eval:
  language_modeling: {{context_tokens: 256, max_documents: 4}}
  benchmarks: [{{name: general_zh, path: "{DATA}/questions.jsonl"}}]
  safety: {{prompts: "{DATA}/prompts.jsonl", max_new_tokens: 4, max_prompts: 8}}
  threads: 1
release: {{}}
"""


@pytest.fixture(scope="module", params=["small", pytest.param("llama3", marks=pytest.mark.slow)])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer in all things like Llama 3's, which takes seconds where the real one takes a minute."""
    return "llama3" if request.param == "llama3" else str(write_small_base(tmp_path_factory.mktemp("tokenizer")))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, tokenizer: str) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(RECIPE.replace("TOKENIZER", tokenizer), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def runs(recipe: Path) -> Path:
    return recipe.parent / "runs"


@pytest.fixture(scope="module")
def finished(recipe: Path, runs: Path) -> dict[str, Any]:
    return hanhua("run", recipe, "--runs", runs)


def test_every_stage_runs_and_the_paths_are_there(finished: dict[str, Any]) -> None:
    assert finished["made"] == STAGES
    for path in finished["paths"].values():
        assert Path(path).exists(), path
    assert finished["toy"] is True
    assert finished["documents"]["kept"] > 100


def test_the_headline_has_compression_and_bits_for_each_model(finished: dict[str, Any]) -> None:
    rows = {row["label"]: row for row in finished["headline"]}
    compression = rows["characters per token, zh"]
    assert compression["values"]["adapted"] > compression["values"]["base"]
    bits = rows["bits per character, zh"]
    assert bits["values"]["adapted"] < bits["values"]["resized"]
    assert any(label.startswith("accuracy") for label in rows)
    assert "harmful generations" in rows


def test_the_adapted_model_loads_with_nothing_of_ours(finished: dict[str, Any], tokenizer: str) -> None:
    bos, size = (128000, 128512) if tokenizer == "llama3" else (768, 1280)
    code = (
        f"import sys; sys.modules['hanhua'] = None; bos, size = {bos}, {size}\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "for folder in sys.argv[1:]:\n"
        "    model = AutoModelForCausalLM.from_pretrained(folder)\n"
        "    tokenizer = AutoTokenizer.from_pretrained(folder)\n"
        "    ids = tokenizer('今天天气很好', return_tensors='pt').input_ids\n"
        "    assert ids[0, 0] == bos and len(tokenizer) == model.config.vocab_size == size\n"
        "    assert tokenizer.decode(ids[0, 1:]) == '今天天气很好'\n"
        "    model.generate(ids, max_new_tokens=2, do_sample=False, pad_token_id=bos + 1)\n"
    )
    folders = [finished["paths"]["adapted model"], finished["paths"]["release folder"]]
    done = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_second_run_does_nothing_again(finished: dict[str, Any], recipe: Path, runs: Path) -> None:
    again = hanhua("run", recipe, "--runs", runs)
    assert again["made"] == []
    assert again["artifacts"] == finished["artifacts"]
    steps = call("plan", recipe, "--runs", runs, "--json")
    assert [step["state"] for step in json.loads(steps.stdout)["stages"]] == ["cached"] * len(STAGES)


def test_a_changed_training_setting_redoes_training_and_what_follows(
    finished: dict[str, Any], recipe: Path, runs: Path
) -> None:
    change = ["-s", "continued_pretrain.seed=1"]
    done = call("plan", recipe, "--runs", runs, *change, "--json")
    steps = {step["stage"]: step for step in json.loads(done.stdout)["stages"]}
    assert [stage for stage, step in steps.items() if step["state"] != "cached"] == STAGES[4:]
    assert steps["continued_pretrain"]["why"] == ["config.seed: 0 → 1"]
    again = hanhua("run", recipe, "--runs", runs, *change, "--until", "continued_pretrain")
    assert again["made"] == ["continued_pretrain"]
    assert again["artifacts"]["continued_pretrain"] != finished["artifacts"]["continued_pretrain"]


def test_from_refuses_drift_field_by_field(finished: dict[str, Any], recipe: Path, runs: Path) -> None:
    arguments = ["run", recipe, "--runs", runs, "--from", "eval", "-s", "vocab_extension.new_tokens=512"]
    done = call(*arguments)
    assert done.returncode == 2
    assert "config.new_tokens: 256 → 512" in done.stderr


@pytest.mark.slow
def test_killed_in_every_long_stage_it_finishes_with_the_same_bits(
    finished: dict[str, Any], recipe: Path, tmp_path: Path
) -> None:
    for stage in ("filtering", "vocab_extension", "continued_pretrain", "eval"):
        kill_in(stage, recipe, tmp_path)
    after = hanhua("run", recipe, "--runs", tmp_path)
    assert after["artifacts"] == finished["artifacts"]
    assert not list(tmp_path.glob("*/*/*.partial"))


def kill_in(stage: str, recipe: Path, runs: Path) -> None:
    """Start a run and kill it with SIGKILL once `stage` is at work."""
    log = runs / "stderr.txt"
    scratch = {"continued_pretrain": "work/checkpoints/*", "eval": "work/*"}.get(stage, "")
    pattern = f"*/{stage}/*.partial/{scratch}".rstrip("/")
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(command("run", recipe, "--runs", runs), stderr=stderr, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if list(runs.glob(pattern)):
                time.sleep(0.2)
                break
            time.sleep(0.02)
        assert process.poll() is None, f"ended before {stage} could be killed:\n{log.read_text(encoding='utf-8')}"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def test_status_and_report_read_a_run(finished: dict[str, Any], recipe: Path, runs: Path) -> None:
    hanhua("run", recipe, "--runs", runs)  # whatever ran there in between, the run is this recipe's again
    run = runs / "Llama-3-zh-tiny"
    done = call("status", run, "--json")
    assert {row["stage"] for row in json.loads(done.stdout)} == set(STAGES)
    text = call("report", run).stdout
    assert "toy" in text
    assert "report.html" in text
