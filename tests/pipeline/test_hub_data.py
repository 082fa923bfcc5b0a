"""Texts and questions of the Hub over real HTTP: read at the commit a run was pinned to, whatever was pushed since."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer, Repository, hub_server
from mini_run import DATA
from program import command

from hanhua.artifacts.files import read_json
from hanhua.pipeline.lock_file import LOCK

pytest.importorskip("datasets", reason="needs the extra scale")
pytestmark = pytest.mark.slow
CARD = b"---\nconfigs:\n- config_name: law\n  data_files:\n  - split: test\n    path: law/test.csv\n---\n"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    with hub_server(token="hf_x") as server:
        yield server


def environment(hub: HubServer, home: Path) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    return {**given, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}


def test_a_run_keeps_to_the_commit_of_its_texts(hub: HubServer, tmp_path: Path) -> None:
    texts = (DATA / "zh_hans_a.jsonl").read_bytes()
    repository = hub.repositories["tester/texts"] = Repository(private=False)
    first = repository.commit({"train.jsonl": texts})
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: hub\nfiltering: {heldout_ratio: 0.1}\n"
        "corpora: {zh: {path: hf://datasets/tester/texts, license: CC0-1.0}}\n"
    )
    line = command("run", recipe, "--runs", tmp_path / "runs", "--until", "filtering", "--json")
    env = environment(hub, tmp_path / "home")
    done = subprocess.run(line, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads(done.stdout)
    assert made["documents"]["kept"] > 10
    assert read_json(tmp_path / "runs" / "hub" / LOCK)["hub"] == {"dataset:tester/texts": first}

    repository.commit({"train.jsonl": texts.splitlines(keepends=True)[0]})
    again = json.loads(subprocess.run(line, capture_output=True, text=True, env=env).stdout)
    assert again["made"] == [] and again["artifacts"] == made["artifacts"]
    elsewhere = [*line[:-1], "-s", f"corpora.zh.path=hf://datasets/tester/texts@{first}", "-s", "name=twin", "--json"]
    twin = json.loads(subprocess.run(elsewhere, capture_output=True, text=True, env=env).stdout)
    assert twin["artifacts"] == made["artifacts"], "the old commit is still what it was"


def test_questions_are_read_at_their_commit(hub: HubServer, tmp_path: Path) -> None:
    repository = hub.repositories["tester/bench"] = Repository(private=False)
    first, _ = (
        repository.commit({"README.md": CARD, "law/test.csv": f"question,A,B,C,D,answer\n{q}？,1,2,3,4,C\n".encode()})
        for q in ("旧", "新")
    )
    code = (
        "import sys; from hanhua.eval.tasks.definition import Rows; from hanhua.eval.tasks.rows import read_hub\n"
        "rows = Rows(hub='tester/bench', configs=('law',))\n"
        "commits = dict([sys.argv[1:]] if sys.argv[1:] else [])\n"
        "print([row.columns['question'] for row in read_hub(rows, revisions=commits)])"
    )
    found = []
    for pinned in ([], ["tester/bench", first]):
        done = subprocess.run(
            [sys.executable, "-c", code, *pinned],
            capture_output=True,
            text=True,
            env=environment(hub, tmp_path / "home"),
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found.append(done.stdout.strip())
    assert found == ["['新？']", "['旧？']"]


def test_a_hub_task_s_questions_are_taken_out_of_the_training_text(hub: HubServer, tmp_path: Path) -> None:
    stem = "某人从河的上游划船到下游用去三个小时，原路返回用去五个小时，问水流的速度是船速的几分之几"
    repository = hub.repositories["tester/bench"] = Repository(private=False)
    commit = repository.commit(
        {"README.md": CARD, "law/test.csv": f"question,A,B,C,D,answer\n{stem},1,2,3,4,C\n".encode()}
    )
    (tmp_path / "task.yaml").write_text(
        "name: river\ntitle: one question\nlanguage: zh\nkind: letters\n"
        "data: {hub: tester/bench, configs: [law], split: test}\nprompt: zh-1\n",
        encoding="utf-8",
    )
    texts = (DATA / "zh_hans_a.jsonl").read_text(encoding="utf-8")
    planted = json.dumps({"text": f"每天做一道题。{stem}？想一想，再往下看答案，不要急着翻页。"}, ensure_ascii=False)
    (tmp_path / "texts.jsonl").write_text(texts + planted + "\n", encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(
        "name: hub\nbase: {toy: {hidden_size: 64}}\nfiltering: {heldout_ratio: 0.1}\n"
        "corpora: {zh: {path: texts.jsonl, license: CC0-1.0}}\n"
        "continued_pretrain: {max_tokens: 50000, sequence_length: 64}\neval: {benchmarks: [{task: task.yaml}]}\n",
        encoding="utf-8",
    )
    line = command("run", tmp_path / "recipe.yaml", "--runs", tmp_path / "runs", "--until", "filtering", "--json")
    done = subprocess.run(line, capture_output=True, text=True, env=environment(hub, tmp_path / "home"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["documents"]["rejected"]["benchmark"] == 1
    assert read_json(tmp_path / "runs" / "hub" / LOCK)["hub"] == {"dataset:tester/bench": commit}


def test_no_synthetic_text_may_hold_a_question_of_the_hub(hub: HubServer, tmp_path: Path) -> None:
    question = "下列各项中，最能说明生态系统具有自我调节能力的是哪一种现象"
    repository = hub.repositories["tester/bench"] = Repository(private=False)
    repository.commit(
        {"README.md": CARD, "law/test.csv": f"question,A,B,C,D,answer\n{question}？,1,2,3,4,C\n".encode()}
    )
    code = (
        "import sys; from hanhua.filtering.decontamination.finder import BenchmarkQuestions\n"
        "from hanhua.hub_questions import HubQuestions\n"
        "finder = BenchmarkQuestions().of([], [HubQuestions(repo='tester/bench', configs=('law',))])\n"
        "print([finder.question_in(text) for text in sys.argv[1:]])"
    )
    line = [sys.executable, "-c", code, f"想一想：{question}？", "生态系统"]
    done = subprocess.run(line, capture_output=True, text=True, env=environment(hub, tmp_path / "home"))
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = ast.literal_eval(done.stdout)
    assert first.startswith("tester/bench:law:test#0 (") and second is None
