"""`hanhua eval`: names models and files, prints a table or JSON, ends with the right code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_eval import CHINESE, ENGLISH
from typer.testing import CliRunner, Result

from hanhua.artifacts import open_artifact
from hanhua.cli.eval import app
from hanhua.errors import GateError, HanhuaError, InputError, RecipeError, UsageError
from hanhua.eval.engine.model_folder import ModelFolder


@pytest.fixture(scope="module")
def place(make_model: Callable[..., ModelFolder], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    for name, texts in (("zh", CHINESE), ("en", ENGLISH)):
        lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    rows = "".join(f"{i},第{i}题？,甲,乙,丙,丁,{'ABCD'[i % 4]}\n" for i in range(8))
    (folder / "quiz_test.csv").write_text("id,question,A,B,C,D,answer\n" + rows, encoding="utf-8")
    for name, seed in (("before", 1), ("after", 2)):
        make_model(name, seed=seed, extend=name == "after").folder.rename(folder / name)
    return folder


def run(place: Path, *options: str) -> Result:
    models = (f"--model=before={place / 'before'}", f"--model=after={place / 'after'}")
    return CliRunner().invoke(app, [*models, *options])


def error_of(result: Result, kind: type[HanhuaError]) -> str:
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


def test_table_json_and_artifact(place: Path, tmp_path: Path) -> None:
    measured = (f"--corpus={place / 'zh.jsonl'}", f"--corpus=english={place / 'en.jsonl'}")
    quiz = f"--benchmark=quiz={place / 'quiz_test.csv'}"
    result = run(place, *measured, quiz, f"--out={tmp_path / 'a'}")
    assert result.exit_code == 0, result.output
    for row in ("bits per character, zh", "bits per character, english", "characters per token, zh", "accuracy, quiz"):
        assert row in result.stdout
    scores = open_artifact(tmp_path / "a", kind="scores")
    assert not (tmp_path / "a" / "work").exists()
    assert scores.facts["models"] == ["before", "after"]
    printed = run(place, quiz, f"--out={tmp_path / 'b'}", "--json")
    assert set(json.loads(printed.stdout)["benchmarks"]["quiz"]) == {"before", "after"}
    again = run(place, quiz, f"--out={tmp_path / 'b'}")
    assert "holds a finished evaluation" in error_of(again, UsageError)


def test_shipped_tasks_are_listed_without_a_model() -> None:
    listed = CliRunner().invoke(app, ["--list-tasks"])
    assert listed.exit_code == 0, listed.output
    for name in ("cmmlu", "xcopa_zh", "tmmluplus", "gsm8k"):
        assert f"\n{name} " in listed.stdout
    assert "haonan-li/cmmlu" in listed.stdout


def test_every_task_whose_files_are_in_a_folder(place: Path, tmp_path: Path) -> None:
    bench = tmp_path / "bench"
    rows = "".join(f"{i},第{i}题？,甲,乙,丙,丁,{'ABCD'[i % 4]}\n" for i in range(8))
    for split in ("test", "dev"):
        (bench / "cmmlu" / split).mkdir(parents=True)
        text = ",Question,A,B,C,D,Answer\n" + (rows if split == "test" else rows.replace("题", "例"))
        (bench / "cmmlu" / split / "law.csv").write_text(text, encoding="utf-8")
    (bench / "xcopa" / "zh").mkdir(parents=True)
    pair = {"premise": "下雨了。", "choice1": "地湿了。", "choice2": "地干了。", "question": "effect", "label": 0}
    (bench / "xcopa" / "zh" / "test.zh.jsonl").write_text(json.dumps(pair) + "\n", encoding="utf-8")
    result = run(place, f"--data={bench}", "--max-questions=4", "--behavior", f"--out={tmp_path / 'out'}", "--json")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)
    assert set(scores["benchmarks"]) == {"cmmlu", "xcopa_zh"}
    assert scores["tasks"]["cmmlu"]["shots"] == 5
    assert scores["benchmarks"]["cmmlu"]["after"]["questions"] == 4
    assert scores["behavior"]["after"]["prompts"] == 24
    speeds = json.loads((tmp_path / "out" / "logs" / "decoding.json").read_text(encoding="utf-8"))
    assert all(speeds[model]["characters_per_second"] > 0 for model in ("before", "after"))
    again = run(place, f"--data={bench}", "--task=cmmul", f"--out={tmp_path / 'other'}")
    assert "did you mean cmmlu?" in error_of(again, UsageError)
    assert "no shipped task has its files here" in error_of(
        run(place, f"--data={place}", f"--out={tmp_path / 'none'}"), InputError
    )


def test_answers_are_kept_for_another_evaluation(place: Path, tmp_path: Path) -> None:
    quiz, cache = f"--benchmark=quiz={place / 'quiz_test.csv'}", tmp_path / "cache"
    found = []
    for name in ("one", "two"):
        result = run(place, quiz, f"--out={tmp_path / name}", f"--cache={cache}", "--json")
        found.append(json.loads(result.stdout)["benchmarks"])
    assert found[0] == found[1]
    assert len(list(cache.glob("*.sqlite"))) == 2


def test_one_model_alone_is_compared_with_nothing(place: Path, tmp_path: Path) -> None:
    models, quiz = f"--model=only={place / 'before'}", f"--benchmark=quiz={place / 'quiz_test.csv'}"
    result = CliRunner().invoke(app, [models, quiz, f"--out={tmp_path / 'out'}"])
    assert result.exit_code == 0, result.output
    assert "only is the only model: nothing to compare it with." in result.stdout
    assert "against" not in result.stdout


def test_a_model_beside_is_in_the_table(place: Path, tmp_path: Path) -> None:
    quiz = f"--benchmark=quiz={place / 'quiz_test.csv'}"
    result = run(place, quiz, f"--reference=control={place / 'before'}", f"--out={tmp_path / 'out'}")
    assert result.exit_code == 0, result.output
    assert "control" in result.stdout.splitlines()[0]
    for sentence in ("Chinese text, after against before: not measured.", "not training seeds"):
        assert sentence in result.stdout
    bad = run(place, quiz, "--reference=control", f"--out={tmp_path / 'bad'}")
    assert "--reference control: expected NAME=DIR" in error_of(bad, UsageError)


def test_an_unmet_gate_ends_with_code_3_and_keeps_the_scores(place: Path, tmp_path: Path) -> None:
    config = tmp_path / "eval.yaml"
    config.write_text("gates: {min_gain: 0.99}\nlanguage_modeling: {max_documents: 3}\n", encoding="utf-8")
    result = run(place, f"--corpus={place / 'zh.jsonl'}", f"--config={config}", f"--out={tmp_path / 'out'}")
    error = error_of(result, GateError)
    assert "min_gain" in error and "limit 0.99" in error
    assert result.exception.exit_code == 3  # type: ignore[union-attr]
    found = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    assert found["language_modeling"]["before"]["zh"]["documents"] == 3


def test_mistakes_are_one_sentence(place: Path, tmp_path: Path) -> None:
    out = f"--out={tmp_path / 'out'}"
    corpus = f"--corpus={place / 'zh.jsonl'}"
    config = tmp_path / "eval.yaml"
    config.write_text("context: 3\n", encoding="utf-8")
    assert "nothing to measure" in error_of(run(place, out), UsageError)
    assert "no such file" in error_of(run(place, out, "--corpus=absent.jsonl"), InputError)
    assert "no such file" in error_of(run(place, out, corpus, "--config=absent.yaml"), RecipeError)
    assert "context: unknown key" in error_of(run(place, out, corpus, f"--config={config}"), UsageError)
    assert "needs fewshot_path" in error_of(run(place, out, "--benchmark=q.csv", "--shots=5"), UsageError)
    served = (out, "--behavior", "--generate-with")
    assert "expected NAME=URL" in error_of(run(place, *served, "localhost:8000"), UsageError)
    assert "needs --generate-with" in error_of(run(place, out, "--behavior", "--score-with-server"), UsageError)
    assert "no server is given for 'after'" in error_of(run(place, *served, "before=http://localhost"), UsageError)
    bare = CliRunner().invoke(app, [f"--model={place / 'before'}", corpus, out])
    assert "expected NAME=DIR" in error_of(bare, UsageError)
