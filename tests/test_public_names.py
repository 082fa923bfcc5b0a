"""What can be imported from `hanhua` and its stages: the names, their documentation, and how little it costs."""

from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
from importlib import import_module

import pytest

import hanhua
from hanhua.artifacts.code_closure import closure_hashes

FUNCTIONS = [
    "evaluate", "filter_texts", "learn", "measure", "publish", "resize", "restore", "score", "train", "verify",
]  # fmt: skip
STAGES = {
    "hanhua.vocab_extension": [
        "ChatVectorConfig", "ResizeConfig", "Source", "VocabExtensionConfig", "learn_tokens",
        "measure_with_languages", "open_subject", "resize_folder", "restore_folder", "verify_extension",
        "write_extended",
    ],
    "hanhua.filtering": ["FilteringConfig", "build_harm_scorer", "filter_corpora"],
    "hanhua.continued_pretrain": ["ContinuedPretrainConfig", "pretrain_folder"],
    "hanhua.eval": ["EvalConfig", "evaluate_models", "open_model_folder", "read_documents"],
    "hanhua.base": ["BaseConfig", "prepare_base"],
    "hanhua.release": ["ReleaseConfig", "make_release", "publish_release"],
    "hanhua.report": ["ReportConfig", "write_report"],
}  # fmt: skip


def test_the_public_names() -> None:
    assert hanhua.__all__ == ["__version__", *FUNCTIONS]
    assert {*FUNCTIONS} <= {*dir(hanhua)}
    with pytest.raises(AttributeError, match="module 'hanhua' has no attribute 'lern'"):
        hanhua.lern  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("package", STAGES)
def test_the_names_of_a_stage(package: str) -> None:
    if package == "hanhua.continued_pretrain":
        pytest.importorskip("torch")
    module = import_module(package)
    assert module.__all__ == STAGES[package]
    assert {*STAGES[package]} <= {*dir(module)}
    for name in STAGES[package]:
        assert inspect.getdoc(getattr(module, name)), name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_worked_example_that_fits_it(name: str) -> None:
    function = getattr(hanhua, name)
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(function) or "")
    assert examples[0].source == "import hanhua\n"
    assert any(example.want for example in examples)
    called = False
    for example in examples:
        for node in ast.walk(ast.parse(example.source)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                exec(compile(ast.Module([node], []), name, "exec"))
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("hanhua."):
                called |= ast.unparse(node.func) == f"hanhua.{name}"
                given = {keyword.arg: None for keyword in node.keywords if keyword.arg}
                inspect.signature(getattr(hanhua, ast.unparse(node.func)[7:])).bind(*node.args, **given)
    assert called


@pytest.mark.parametrize("package", ["hanhua", "hanhua.api", *STAGES])
def test_importing_a_package_imports_nothing_heavy(package: str) -> None:
    heavy = ("torch", "transformers", "tokenizers", "numpy", "pyarrow", "rich", "typer", "huggingface_hub")
    code = f"import sys, {package}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_stage_does_not_reach_others_through_the_public_names() -> None:
    reached = closure_hashes("hanhua.filtering.stage:filter_corpora")
    assert "hanhua" in reached
    assert not [name for name in reached if name.startswith(("hanhua.api", "hanhua.eval", "hanhua.vocab_extension."))]
