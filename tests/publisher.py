"""`hanhua publish` in a process of its own: HF_ENDPOINT is read when huggingface_hub is imported.

One JSON request a line on stdin, one JSON answer a line on stdout, so that many commands share one start.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any


def answer(request: dict[str, Any]) -> dict[str, Any]:
    os.environ.pop("HF_TOKEN", None)
    os.environ.update(request.get("env", {}))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = publish(request["args"]) if "args" in request else load(**request_of(request))
        except Exception as error:  # the test shows it; this process serves the next one
            err.write(repr(error))
            code = 99
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def publish(args: list[str]) -> int:
    import typer

    from hanhua.cli.entry import run_command
    from hanhua.cli.publish import publish as command

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("publish")(command)
    return run_command(lambda: app(args))


def request_of(request: dict[str, Any]) -> dict[str, str]:
    return {"repo_id": request["load"], "revision": request["revision"], "kind": request["kind"]}


def load(repo_id: str, revision: str, kind: str) -> int:
    """Load what was published, as anybody would, and print the hashes of its tensors, its logits and a few ids."""
    import hashlib

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"revision": revision}
    if kind == "adapter" and not Path(repo_id).is_dir():
        from huggingface_hub import snapshot_download

        repo_id, where = snapshot_download(repo_id, revision=revision), {}
    tokenizer = AutoTokenizer.from_pretrained(repo_id, **where)
    ids = tokenizer("杭州西湖 hello")["input_ids"]
    answer: dict[str, Any] = {"ids": ids}
    if kind != "tokenizer":
        model = AutoModelForCausalLM.from_pretrained(
            f"{repo_id}/base" if kind == "adapter" else repo_id, dtype="auto", **where
        )
        if kind == "adapter":
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, repo_id)
        answer["tensors"] = {
            name: hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
            for name, tensor in model.state_dict().items()
        }
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits.float()
        answer["logits"] = hashlib.sha256(logits.numpy().tobytes()).hexdigest()
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    import tiny_release

    tiny_release.know_agreements()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
