from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hanhua.base_model import resolve_base_model
from hanhua.errors import InputError


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert resolve_base_model(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["./nowhere", "nowhere", "a/b/c"])
def test_what_is_neither_folder_nor_hub_id_is_said(name: str) -> None:
    with pytest.raises(InputError, match="no such folder"):
        resolve_base_model(name)


def test_a_hub_that_does_not_answer_is_said(tmp_path: Path) -> None:
    code = "from hanhua.base_model import resolve_base_model; resolve_base_model('owner/model')"
    env = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert "owner/model: neither a local folder nor a model the Hub returned" in done.stderr
