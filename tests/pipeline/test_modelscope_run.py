"""A run whose base, texts and questions are on ModelScope, over real HTTP, published back to it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mini_run import DATA
from modelscope_server import ModelScopeServer, MsFault, MsRepository, modelscope_server
from program import command
from small_llama import write_small_base
from small_model import write_small_model
from tiny_release import agreement_like

from hanhua.artifacts.files import read_json
from hanhua.pipeline.lock_file import LOCK

pytest.importorskip("modelscope_hub", reason="needs the extra modelscope")
pytestmark = pytest.mark.slow
TESTS = Path(__file__).resolve().parents[1]
STEM = "某人从河的上游划船到下游用去三个小时，原路返回用去五个小时，问水流的速度是船速的几分之几"
EXAM = f"question,A,B,C,D,answer\n{STEM},四分之一,五分之一,三分之一,二分之一,A\n另一道题目是什么,甲,乙,丙,丁,B\n"
RECIPE = """\
name: Llama-3-ms
base: {model: ms://me/Meta-Llama-3-tiny}
corpora:
  zh: {path: "ms://me/texts:zh/*.jsonl", weight: 0.8, license: Apache-2.0}
  en: {path: "ms://me/texts:en.jsonl", language: en, weight: 0.2, license: Apache-2.0}
filtering: {heldout_ratio: 0.1}
vocab_extension: {new_tokens: 256, dictionary_weight: 0}
continued_pretrain: {max_tokens: 4096, sequence_length: 128, micro_batch_size: 2, gradient_accumulation_steps: 1,
  lora: {rank: 4}, threads: 1}
eval:
  language_modeling: {context_tokens: 64, context_characters: null, max_documents: 2, max_truncated_prompts: 2}
  benchmarks: [{task: ceval_dev, data: ms://me/bench}]
  threads: 1
release: {kind: tokenizer}
"""


@pytest.fixture
def server() -> Iterator[ModelScopeServer]:
    with modelscope_server() as server:
        yield server


def filled(server: ModelScopeServer, folder: Path) -> dict[str, str]:
    """Put base, texts and questions there; return the commit of each."""
    (folder / "tokenizer").mkdir()
    model = write_small_model(folder / "model", write_small_base(folder / "tokenizer"))
    planted = json.dumps({"text": f"每天做一道题。{STEM}？想一想，再往下看答案，不要急着翻页。"}, ensure_ascii=False)
    texts = {
        "zh/a.jsonl": (DATA / "zh_hans_a.jsonl").read_bytes() + planted.encode() + b"\n",
        "en.jsonl": (DATA / "en.jsonl").read_bytes(),
    }
    trees = {
        ("model", "me/Meta-Llama-3-tiny"): {path.name: path.read_bytes() for path in model.iterdir()},
        ("dataset", "me/texts"): texts,
        ("dataset", "me/bench"): {"ceval/dev/law_dev.csv": EXAM.encode(), "other/x.csv": b"a,b\n"},
    }
    commits = {}
    for (kind, repo), files in trees.items():
        repository = server.repositories[kind, repo] = MsRepository()
        commits[f"ms-{kind}:{repo}"] = repository.commit(files)
    return commits


def test_from_modelscope_and_back(server: ModelScopeServer, tmp_path: Path) -> None:
    commits = filled(server, tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELSCOPE"))},
        "MODELSCOPE_ENDPOINT": server.url, "MODELSCOPE_CACHE": str(tmp_path / "cache"),
        "MODELSCOPE_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    server.faults += [MsFault("GET", "FilePath=model", 500), MsFault("GET", "FilePath=zh", "cut")]
    line = command("run", tmp_path / "recipe.yaml", "--runs", tmp_path / "runs", "--json")
    done = subprocess.run(line, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads(done.stdout)
    assert made["documents"]["rejected"]["benchmark"] == 1, "the planted question was taken out"
    run = tmp_path / "runs" / "Llama-3-ms"
    assert read_json(run / LOCK)["hub"] == commits
    scores = json.loads((next((run / "eval").iterdir()) / "scores.json").read_text())
    assert scores["benchmarks"]["ceval_dev"]["adapted"]["questions"] == 2

    server.repositories["dataset", "me/texts"].commit(
        {"zh/a.jsonl": b'{"text": "x"}\n', "en.jsonl": b'{"text": "x"}\n'}
    )
    again = subprocess.run(line, capture_output=True, text=True, env=env)
    assert again.returncode == 0, again.stderr[-3000:]
    assert json.loads(again.stdout)["made"] == [], "what was pushed since changes nothing"

    token = {**env, "MODELSCOPE_API_TOKEN": server.token}
    (tmp_path / "agreement").mkdir()
    (tmp_path / "agreement" / "LICENSE").write_text(agreement_like("3"), encoding="utf-8")
    to = ("--repo-id", "me/Llama-3-ms", "--hub", "modelscope", "--agreement", tmp_path / "agreement")
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import tiny_release; tiny_release.know_agreements()\n"
    code += "from hanhua.cli.main import main; main()"
    publish = [sys.executable, "-c", code, "publish", *map(str, (run, *to)), "--json"]
    refused = subprocess.run(publish, capture_output=True, text=True, env=env)
    assert refused.returncode == 2 and "MODELSCOPE_API_TOKEN" in refused.stderr
    server.faults.append(MsFault("POST", "/commit/", 503))
    sent = subprocess.run(publish, capture_output=True, text=True, env=token)
    assert sent.returncode == 0, sent.stderr[-3000:]
    assert server.token not in sent.stdout + sent.stderr
    assert sent.stdout.startswith("{"), sent.stdout[:2000]
    published = json.loads(sent.stdout)
    repository = server.repositories["model", "me/Llama-3-ms"]
    commit, files = repository.commits[-1]
    assert repository.private and published["commit"] == commit and published["changed"]
    release = next((run / "release").iterdir())
    for name in published["files"]:
        own = tmp_path / "agreement" / name if name == "LICENSE" else release / name
        assert hashlib.sha256(files[name]).digest() == hashlib.sha256(own.read_bytes()).digest(), name
    second = subprocess.run(publish, capture_output=True, text=True, env=token)
    assert second.returncode == 0, second.stderr[-3000:]
    twice = json.loads(second.stdout)
    assert twice["commit"] == commit and not twice["changed"]

    wrong = subprocess.run(publish, capture_output=True, text=True, env={**env, "MODELSCOPE_API_TOKEN": "ms-nobody"})
    assert wrong.returncode != 0 and "ms-nobody" not in wrong.stdout + wrong.stderr
