"""`hanhua publish` in a process of its own: HF_ENDPOINT is read when huggingface_hub is imported.

One JSON request a line on stdin, one JSON answer a line on stdout, so that many commands share one start.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any


def answer(request: dict[str, Any]) -> dict[str, Any]:
    os.environ.pop("HF_TOKEN", None)
    os.environ.update(request.get("env", {}))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = publish(request["args"]) if "args" in request else load(request["load"], request["revision"])
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def publish(args: list[str]) -> int:
    import typer

    from hanhua.cli.entry import run_command
    from hanhua.cli.publish import publish as command

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("publish")(command)
    return run_command(lambda: app(args))


def load(repo_id: str, revision: str) -> int:
    """Load what was published, as anybody would, and print the hashes of its tensors and a few ids."""
    import hashlib

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(repo_id, revision=revision, dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(repo_id, revision=revision)
    tensors = {
        name: hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
        for name, tensor in model.state_dict().items()
    }
    print(json.dumps({"tensors": tensors, "ids": tokenizer("杭州西湖 hello")["input_ids"]}))
    return 0


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
