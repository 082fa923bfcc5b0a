"""Parts of `gpu_first_contact` that measure: the machine's ceilings, an 8B training step, the evaluation engine."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_exactness import make_model, seconds_of
from random_llama import llama_config, write_llama
from torch import Tensor
from transformers import LlamaForCausalLM

from hanhua.continued_pretrain.attention import Documents, register
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import training_flops_per_token
from hanhua.continued_pretrain.memory_parts import memory_parts
from hanhua.continued_pretrain.model import TrainingModel, _with_lora
from hanhua.continued_pretrain.model_shapes import SHAPES, ModelShape
from hanhua.continued_pretrain.parallel import peak_flops_of
from hanhua.continued_pretrain.section_settings import LoraSettings
from hanhua.eval.engine.loaded_model import load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.requests import Sampling, ScoredInput
from hanhua.eval.engine.runner import runner_of

Found = Iterator[dict[str, Any]]
NEW_ROWS, RANK = 16_384, 64


def machine(device: torch.device, rehearse: bool, out: Path, until: float) -> Found:
    """What the device is, and its two ceilings: a large bf16 matrix product and a large copy."""
    size = 256 if rehearse else 8192
    one, other = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in "ab")
    line = torch.empty(size * size * (1 if rehearse else 32), device=device, dtype=torch.bfloat16)
    product, copy = seconds_of(lambda: one @ other, device), seconds_of(lambda: line.clone(), device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    yield {
        "device": name,
        "torch": torch.__version__,
        "memory_bytes": torch.cuda.get_device_properties(0).total_memory if device.type == "cuda" else None,
        "matmul_flops": 2 * size**3 / product,
        "copy_bytes_per_second": 2 * line.nbytes / copy,
    }


def speed(device: torch.device, rehearse: bool, out: Path, until: float) -> Found:
    """Training steps at Llama 3 8B's shapes: ours in five ways, then PEFT's two ways to train new tokens."""
    shape = ModelShape(64, 224, 2, 4, 2, 1024) if rehearse else SHAPES["Llama-3-8B"]
    rows, length = (256, 256) if rehearse else (NEW_ROWS, 8192)
    bench = Bench(device, shape, rows, until)
    with bench.ours(rows=True) as model:
        yield from bench.timed(model, "ours", length)
        yield from bench.timed(model, "ours", length // 2)
        yield from bench.timed(model, "ours", length, recompute=True)
        yield from bench.timed(model, "ours", length, compiled=True)
        if not rehearse:
            yield from bench.timed(model, "ours", length // 2, compiled=True)
    for way in ("peft", "whole"):
        with bench.peft(rows=way == "peft") as model:
            yield from bench.timed(model, way, length)
    with bench.ours(rows=False) as model:
        yield from bench.timed(model, "ours without rows", length // 2)
        if not rehearse:
            yield from bench.timed(model, "ours without rows", length // 2, compiled=True)


class Held:
    """A model that is dropped, with its memory, at the end of a `with` block. step: micro-batch to mean loss."""

    def __init__(self, model: Any, step: Callable[..., Tensor], new_rows: int) -> None:
        self.model, self.step, self.new_rows = model, step, new_rows

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        del self.model, self.step
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class Bench:
    """Models of one shape with random weights, and the time and memory of their steps."""

    def __init__(self, device: torch.device, shape: ModelShape, rows: int, until: float) -> None:
        self.device, self.shape, self.rows, self.until = device, shape, rows, until
        self.lora = LoraSettings(rank=8 if rows < 1000 else RANK)

    def ours(self, *, rows: bool) -> Held:
        """Our model, with or without new rows."""
        new_rows = self.rows if rows else 0
        adapted = _with_lora(self._plain(register(), new_rows), self.lora)
        model = TrainingModel(adapted, first_new_id=self.shape.vocab_size, rows=rows).to(self.device).train()

        def step(ids: Tensor, positions: Tensor, labels: Tensor, documents: Documents) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16):
                return model(ids, positions, labels, documents)[0] / ids.numel()

        return Held(model, step, new_rows)

    def peft(self, *, rows: bool) -> Held:
        """PEFT's model: new rows by `trainable_token_indices`, or both matrices whole by `modules_to_save`."""
        ids = range(self.shape.vocab_size, self.shape.vocab_size + self.rows)
        model = with_peft(self._plain("sdpa", self.rows), self.lora.rank, ids, rows=rows).to(self.device).train()

        def step(ids: Tensor, positions: Tensor, labels: Tensor, documents: Documents) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16):
                logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
            return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten())

        return Held(model, step, self.rows)

    def _plain(self, attention: str, new_rows: int) -> Any:
        settings = llama_config(self.shape.with_rows(new_rows), attn_implementation=attention)
        torch.manual_seed(0)
        with torch.device(self.device):
            torch.set_default_dtype(torch.bfloat16)
            model = LlamaForCausalLM(settings)
            torch.set_default_dtype(torch.float32)
        return model.requires_grad_(False)

    def timed(self, held: Held, way: str, length: int, *, compiled: bool = False, recompute: bool = False) -> Found:
        """Yield tokens per second (median step), operations over the peak, memory and its estimate."""
        case = {"way": way, "sequence_length": length, "compiled": compiled, "recompute": recompute}
        if time.monotonic() > self.until:
            yield {**case, "skipped": "the time was spent"}
            return
        try:
            yield {**case, **self._steps(held, length, compiled=compiled, recompute=recompute)}
        except torch.cuda.OutOfMemoryError as error:
            yield {**case, "fits": False, "why": str(error)[:200]}
        except Exception as error:  # one way that fails leaves the others to be measured
            yield {**case, "error": f"{type(error).__name__}: {error}"[:1500]}
        for parameter in held.model.parameters():
            parameter.grad = None
        gc.collect()

    def _steps(self, held: Held, length: int, *, compiled: bool, recompute: bool) -> dict[str, Any]:
        self._arrange(held.model, compiled=compiled, recompute=recompute)
        optimizer = torch.optim.AdamW(trained_in_fp32(held.model), lr=1e-4, fused=True)
        cuda = self.device.type == "cuda"
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        taken, loss = [], torch.zeros(())
        for number in range(9):
            if cuda:
                torch.cuda.synchronize()
            began = time.perf_counter()
            ids, positions, labels = make_batch(number, length, self.shape.vocab_size + held.new_rows)
            documents = Documents.of(positions, self.device)
            loss = held.step(*(x.to(self.device) for x in (ids, positions, labels)), documents)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if cuda:
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - began)
            if time.monotonic() > self.until and len(taken) > 4:
                break
        median = sorted(taken[3:])[len(taken[3:]) // 2]
        return {
            "loss": loss.item(),
            "seconds": taken,
            **self._figures(held.new_rows, length, length / median, recompute),
        }

    def _figures(self, new_rows: int, length: int, rate: float, recompute: bool) -> dict[str, Any]:
        config = ContinuedPretrainConfig(
            sequence_length=length, gradient_accumulation_steps=1, gradient_checkpointing=recompute, lora=self.lora
        )
        whole, cuda = self.shape.with_rows(new_rows), self.device.type == "cuda"
        peak = peak_flops_of(torch.cuda.get_device_name()) if cuda else None
        # What recomputing does again is no use to anybody, so it is not counted.
        useful = config.model_copy(update={"gradient_checkpointing": False})
        flops = training_flops_per_token(whole, useful, new_rows)
        return {
            "tokens_per_second": rate,
            "mfu": None if peak is None else rate * flops / peak,
            "flops_per_token": flops,
            "peak_bytes": torch.cuda.max_memory_allocated() if cuda else None,
            "reserved_bytes": torch.cuda.max_memory_reserved() if cuda else None,
            "estimated_bytes": sum(memory_parts(whole, config, new_rows=new_rows, on_gpu=cuda).values()),
        }

    @staticmethod
    def _arrange(model: Any, *, compiled: bool, recompute: bool) -> None:
        inner = model.model.get_base_model() if isinstance(model, TrainingModel) else model.get_base_model()
        if recompute:
            inner.gradient_checkpointing_enable({"use_reentrant": False})
        else:
            inner.gradient_checkpointing_disable()
        for layer in inner.model.layers:
            if compiled:
                layer.compile()
            else:
                layer._compiled_call_impl = None


def engine(device: torch.device, rehearse: bool, out: Path, until: float) -> Found:
    """Scoring and writing speed of the evaluation engine on SmolLM2's shapes, in tokens per second."""
    number, length, written = (4, 64, 8) if rehearse else (256, 512, 128)
    with tempfile.TemporaryDirectory() as folder:
        rows = make_model(Path(folder), tied=True).facts["rows"]
        place = Path(folder) / "model"
        shape = (
            ModelShape(64, 128, 2, 4, 2, rows, tied=True)
            if rehearse
            else ModelShape(576, 1536, 30, 9, 3, rows, tied=True)
        )
        write_llama(place, shape, bos_token_id=rows - 2, eos_token_id=rows - 1)
        model = load_model(open_model_folder("random", place), device=device)
        drawn = torch.randint(0, rows - 2, (number, length)).tolist()
        for batch in (8, 64):
            runner = runner_of(model, batch_size=batch)
            items = [ScoredInput(tuple(ids), (tuple(ids[1:]),)) for ids in (row[:length] for row in drawn)]
            runner.score(items[:batch])
            began = time.perf_counter()
            runner.score(items)
            yield {"batch": batch, "scored_tokens_per_second": number * length / (time.perf_counter() - began)}
            began = time.perf_counter()
            found = runner.generate([row[:64] for row in drawn[:64]], Sampling(max_new_tokens=written))
            rate = sum(one.tokens for one in found) / (time.perf_counter() - began)
            yield {"batch": batch, "written_tokens_per_second": rate}
            if time.monotonic() > until:
                return


def with_peft(model: Any, rank: int, new_ids: range, *, rows: bool) -> Any:
    from peft import LoraConfig, get_peft_model

    both = ["embed_tokens", "lm_head"]
    settings = LoraConfig(
        r=rank,
        lora_alpha=16,
        use_rslora=True,
        target_modules="all-linear",
        trainable_token_indices={name: list(new_ids) for name in both} if rows else None,
        modules_to_save=None if rows else both,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, settings)


def trained_in_fp32(model: Any) -> list[Tensor]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.data = parameter.data.float()
    return trained


def make_batch(seed: int, length: int, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, positions and labels (1, length) of documents of 200 to 4,000 random tokens."""
    chance = np.random.default_rng(seed)
    ids, positions = chance.integers(0, rows, length), np.zeros(length, dtype=np.int64)
    labels = np.roll(ids, -1)
    low = 0
    while low < length:
        high = min(length, low + int(chance.integers(200, 4000)))
        positions[low:high] = np.arange(high - low)
        labels[high - 1] = -100
        low = high
    first, second, third = (torch.from_numpy(x)[None] for x in (ids, positions, labels))
    return first, second, third
