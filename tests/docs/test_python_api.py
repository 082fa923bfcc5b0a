"""The page of the functions for Python is what their docstrings make, in both languages."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest
import yaml
from documented import ROOT
from python_api import COMMAND, DOCS, ORDER, STAGES, pages

import hanhua

CHINESE = yaml.safe_load((DOCS / "python_api.zh-CN.yaml").read_text(encoding="utf-8"))["functions"]


def test_the_committed_pages_are_not_stale() -> None:
    done = subprocess.run([sys.executable, *COMMAND.split()[1:], "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_function_is_on_both_pages_with_code_that_parses() -> None:
    assert sorted(ORDER) == sorted(CHINESE) == [name for name in hanhua.__all__ if not name.startswith("_")]
    for text in pages().values():
        assert re.findall(r"^## `(\w+)`$", text, flags=re.MULTILINE) == [*ORDER]
        blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        assert len(blocks) == 2 * len(ORDER)
        for signature, example in zip(blocks[::2], blocks[1::2], strict=True):
            compile(f"def {signature.rstrip()}: ...", "signature", "exec")
            compile(example, "example", "exec")
        assert all(f"`hanhua.{stage}`" in text for stage in STAGES)


@pytest.mark.parametrize("name", ORDER)
def test_the_chinese_speaks_of_the_same_parameters(name: str) -> None:
    function = getattr(hanhua, name)
    english = inspect.getdoc(function) or ""
    for parameter in inspect.signature(function).parameters:
        explained = re.search(rf"\b{parameter}(?:, \w+)?: ", english)
        assert not explained or re.search(rf"\b{parameter}(?:、\w+)?：", CHINESE[name]), parameter
