"""Parts of `gpu_first_contact` that compare: attention with the exact path, training with the CPU's, a killed run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from random_llama import write_llama
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from hanhua.artifacts import Artifact, write_manifest
from hanhua.artifacts.files import sha256_of
from hanhua.artifacts.manifest import open_artifact
from hanhua.base_tokenizer import BOS, EOS
from hanhua.continued_pretrain.attention import Documents, by_flex, by_kernel, has_kernel, one_by_one
from hanhua.continued_pretrain.config import ContinuedPretrainConfig, Trainable
from hanhua.continued_pretrain.model import build_training_model
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.continued_pretrain.stage import pretrain_folder
from hanhua.continued_pretrain.trained import trainable_parameters
from hanhua.documents import Document
from hanhua.documents.corpus import write_corpus

Found = Iterator[dict[str, Any]]
NEW_TOKENS = 24
WORDS = "春天 河水 老人 小船 城市 孩子 写信 旧书 山路 月亮 雨后 茶馆 走进 看见 想起 慢慢 忽然 以后 因为 所以"


def attention(device: torch.device, rehearse: bool, out: Path, until: float) -> Found:
    """The kernel and flex attention against one call per document in float64: relative errors and milliseconds."""
    length = 256 if rehearse else 8192
    # The heads of Llama 3 8B and of SmolLM2 135M.
    for heads, groups, width in ((32, 8, 128), (9, 3, 64)):
        for dtype in (torch.bfloat16, torch.float32):
            torch.manual_seed(0)
            shapes = [(length, heads, width), (length, groups, width), (length, groups, width), (length, heads, width)]
            drawn = [torch.randn(shape, device=device).to(dtype) for shape in shapes]
            documents = Documents.of(positions(length, chance=random.Random(heads)), device)
            exact = gradients(one_by_one, [x.double() for x in drawn], documents)
            ways = {"one_by_one": one_by_one, "flex": by_flex}
            if device.type == "cuda" and dtype == torch.bfloat16 and has_kernel():
                ways = {"kernel": by_kernel, **ways}
            for name, way in ways.items():
                run = forward if name == "flex" and device.type == "cpu" else gradients
                found = run(way, drawn, documents)
                yield {
                    "way": name,
                    "heads": [heads, groups, width],
                    "dtype": str(dtype),
                    "documents": len(documents.bounds) - 1,
                    "relative_error": {
                        what: error(ours, theirs) for what, ours, theirs in zip("oqkv", found, exact, strict=False)
                    },
                    "milliseconds": 1000 * seconds_of(partial(run, way, drawn, documents), device),
                }
            if time.monotonic() > until:
                return


def positions(length: int, *, chance: random.Random) -> Tensor:
    """Positions (1, length) of documents of 1 to 4,000 tokens; the first has one token."""
    found: list[int] = [0]
    while len(found) < length:
        found += range(chance.choice([1, 17, 200, 900, 4000]))
    return torch.tensor(found[:length])[None]


def gradients(way: Any, drawn: list[Tensor], documents: Documents) -> list[Tensor]:
    query, key, value = (x.detach().clone().requires_grad_() for x in drawn[:3])
    out = way(query, key, value, documents, None)
    out.backward(drawn[3].to(out.dtype))
    return [x for x in (out.detach(), query.grad, key.grad, value.grad) if x is not None]


def forward(way: Any, drawn: list[Tensor], documents: Documents) -> list[Tensor]:
    """The output alone: flex attention has no backward pass on a CPU."""
    with torch.no_grad():
        return [way(*drawn[:3], documents, None)]


def error(ours: Tensor, exact: Tensor) -> float:
    return float((ours.double() - exact).norm() / exact.norm())


def seconds_of(work: Any, device: torch.device, times: int = 5) -> float:
    """Return the median of a few runs, after one that warms up."""
    taken = []
    for _ in range(times + 1):
        if device.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return sorted(taken[1:])[times // 2]


def modes(device: torch.device, rehearse: bool, out: Path, until: float) -> Found:
    """One step's loss and gradient of each mode, against the CPU's in fp32."""
    with tempfile.TemporaryDirectory() as folder:
        for tied in (False, True):
            model = make_model(Path(folder) / f"tied-{tied}", tied=tied)
            each: tuple[Trainable, ...] = ("adapters", "new_embeddings", "embeddings", "adapters+embeddings", "full")
            for mode in each:
                config = ContinuedPretrainConfig(trainable=mode)
                exact = one_step(model, config, torch.device("cpu"), torch.float32)
                for dtype in (torch.bfloat16, torch.float32):
                    yield {
                        "mode": mode,
                        "tied": tied,
                        "dtype": str(dtype),
                        **against(exact, model, config, device, dtype),
                    }
            if time.monotonic() > until:
                return


def against(exact: Any, model: Artifact, config: ContinuedPretrainConfig, device: torch.device, dtype: Any) -> Any:
    loss, gradient = one_step(model, config, device, dtype)
    norm = sum(g.double().square().sum() for g in exact[1].values()).sqrt()
    off = sum((gradient[name] - exact[1][name]).double().square().sum() for name in exact[1]).sqrt()
    return {"loss": loss, "exact_loss": exact[0], "gradient_error": (off / norm).item()}


def one_step(
    model: Artifact, config: ContinuedPretrainConfig, device: torch.device, dtype: torch.dtype
) -> tuple[float, dict[str, Tensor]]:
    built = build_training_model(model.path / "model", config, first_new_id=model.facts["first_new_id"], dtype=dtype)
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if "lora_B" in name:  # zero at the start: nothing behind it would have a gradient
                parameter.copy_(torch.randn(parameter.shape, generator=chance) * 0.02)
    built = built.to(device).train()
    ids = torch.randint(0, model.facts["rows"], (2, 257), generator=chance)
    where = torch.cat([positions(256, chance=random.Random(n)) for n in range(2)])
    labels = ids[:, 1:].clone()
    labels[where == 0] = -100
    with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss, _ = built(ids[:, :-1].to(device), where.to(device), labels.to(device), Documents.of(where, device))
    loss.backward()
    trained = trainable_parameters(built)
    return loss.item(), {name: p.grad.detach().float().cpu() for name, p in trained.items() if p.grad is not None}


def make_model(folder: Path, *, tied: bool) -> Artifact:
    """A random Llama whose heads a kernel takes, with a tokenizer of some hundred tokens of its own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts(60), trainer)
    tokenizer.add_special_tokens([BOS, EOS])
    rows = tokenizer.get_vocab_size()
    shape = ModelShape(128, 256, 2, 4, 2, rows, tied=tied)
    write_llama(folder / "model", shape, initializer_range=0.1, bos_token_id=rows - 2, eos_token_id=rows - 1)
    tokenizer.save(str(folder / "model" / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS}
    (folder / "model" / "tokenizer_config.json").write_text(json.dumps(settings))
    facts = {"first_new_id": rows - 2 - NEW_TOKENS, "rows": rows}
    return write_manifest(folder, kind="resized", config={}, inputs={}, facts=facts)


def texts(count: int) -> list[str]:
    chance = random.Random(0)
    return [
        "。".join("".join(chance.choices(WORDS.split(), k=chance.randint(5, 40))) for _ in range(9))
        for _ in range(count)
    ]


TRAINING: dict[str, Any] = {
    "sequence_length": 128,
    "micro_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "max_tokens": 128 * 4 * 60,
    "epochs": 100,
    "learning_rate": 1e-2,
    "lora": {"rank": 8, "dropout": 0.1},
    "save_steps": 10,
}


def resume(device: torch.device, rehearse: bool, out: Path, until: float) -> Found:
    """The same training three times: whole, killed and resumed, and as DDP of one process; the weights' hashes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_model(root / "model", tied=False)
        (root / "corpus").mkdir()
        write_corpus(
            root / "corpus", [Document(f"zh:{i}", text, "zh", language="zh") for i, text in enumerate(texts(300))]
        )
        write_manifest(root / "corpus", kind="corpus", config={}, inputs={}, facts={})
        whole, killed, ddp = (start(root, name) for name in ("whole", "killed", "ddp"))
        kills = 0
        while killed.poll() is None and time.monotonic() < until:
            if not kills and list((root / "killed").glob("work/checkpoints/step-*/complete.json")):
                killed.send_signal(signal.SIGKILL)
                killed.wait()
                kills, killed = 1, start(root, "killed")
            time.sleep(0.02)
        for name, process in (("whole", whole), ("killed", killed), ("ddp", ddp)):
            code = process.wait(timeout=max(1.0, until - time.monotonic()))
            weights = sorted((root / name / "model").glob("*.safetensors"))
            log = (root / f"{name}.log").read_text()[-400:] if code else ""
            yield {
                "run": name,
                "code": code,
                "kills": kills,
                "sha256": [sha256_of(path) for path in weights],
                "log": log,
            }


def start(root: Path, name: str) -> subprocess.Popen[bytes]:
    (root / name).mkdir(exist_ok=True)
    one = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29533"}
    with (root / f"{name}.log").open("ab") as log:
        line = [sys.executable, __file__, str(root), name]
        return subprocess.Popen(line, env={**os.environ, **(one if name == "ddp" else {})}, stdout=log, stderr=log)


def nf4(device: torch.device, rehearse: bool, out: Path, until: float) -> Found:
    """One step over four-bit layers, where bitsandbytes and a GPU are."""
    import importlib.util

    if device.type != "cuda" or importlib.util.find_spec("bitsandbytes") is None:
        yield {"skipped": "needs a CUDA GPU and bitsandbytes"}
        return
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(Path(folder) / "model", tied=False)
        exact = one_step(model, ContinuedPretrainConfig(), torch.device("cpu"), torch.float32)
        yield against(exact, model, ContinuedPretrainConfig(quantize="nf4"), device, torch.bfloat16)


if __name__ == "__main__":  # a training of `resume`, in a process of its own
    root, out = Path(sys.argv[1]), Path(sys.argv[1]) / sys.argv[2]
    model, corpus = open_artifact(root / "model"), open_artifact(root / "corpus")
    first_new_id = model.facts["first_new_id"]
    pretrain_folder(ContinuedPretrainConfig(**TRAINING), model.part("model"), corpus, out, first_new_id=first_new_id)
