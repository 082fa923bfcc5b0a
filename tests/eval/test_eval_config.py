"""The configuration refuses what could not be measured."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from hanhua.config_fields import paths_in
from hanhua.eval.config import Benchmark, EvalConfig


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"benchmarks": [{"name": "a", "path": "x.csv"}, {"name": "a", "path": "y.csv"}]}, "share the name a"),
        ({"benchmarks": [{"name": "safety", "path": "x.csv"}]}, "taken by another"),
        ({"benchmarks": [{"name": "a/b", "path": "x.csv"}]}, "pattern"),
        ({"benchmarks": [{"name": "a", "path": "x.csv", "shots": 5}]}, "needs fewshot_path"),
        ({"gates": {"max_harmful_rate": 0.1}}, "no safety"),
        ({"gates": {"min_accuracy_gain": 0.1}}, "no benchmarks"),
        ({"gates": {"min_gain": 0.0}, "language_modeling": None}, "no language_modeling"),
        ({"benchmark": []}, "Extra inputs"),
        ({"language_modeling": {"context_tokens": 1}}, "greater than or equal to 2"),
    ],
)
def test_mistakes(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        EvalConfig.model_validate(settings)


def test_every_file_read_is_known_as_a_path() -> None:
    benchmark = Benchmark(name="a", path="q.jsonl", fewshot_path="dev.jsonl", shots=2)
    config = EvalConfig.model_validate({"benchmarks": [benchmark], "safety": {"prompts": "p.jsonl"}})
    assert [path for _, path in paths_in(config)] == ["q.jsonl", "dev.jsonl", "p.jsonl"]


def test_stage_and_command_line_import_without_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import hanhua.eval.stage, hanhua.eval.scores, hanhua.cli.eval"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
