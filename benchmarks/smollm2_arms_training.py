"""One arm of `smollm2_arms`: the base with its rows and adapters, trained and measured on one device.

The project's own pieces, without what a long run needs (checkpoints, logs, several processes), and without a wait for
the device in a step: lengths of documents and numbers of targets are counted beforehand, losses are read at the end.

Shape suffixes: S sequences, L tokens of one, T tokens of a line, D documents.
"""

from __future__ import annotations

import copy
import fcntl
import gc
import json
import math
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from smollm2_arms_data import Measured, PackedSet, alternated, load_set
from smollm2_arms_lines import Line, check_attention, documents_of, measured_lines, nats_of, use_fused_norm
from torch import Tensor, nn

from hanhua.continued_pretrain.attention import register
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import TrainingModel, _with_lora
from hanhua.continued_pretrain.pack import IGNORED, Batch, PackedCorpus, stack
from hanhua.continued_pretrain.phases import order_phases, plan_phases
from hanhua.continued_pretrain.schedule import rate_factor
from hanhua.continued_pretrain.trained import parameter_groups, trainable_parameters

CONTEXT = {"q": 512, "e": 2048}
CURVE_POINTS = 12
BOOKS, BOOKS_DOCUMENTS = "en_classic_books", 40
CURVE_DOCUMENTS = {"zh_messy_forum_comments": 150}
CURVE_DOCUMENTS_ELSE = 16


@dataclass(frozen=True)
class Arm:
    """One setting. train_bytes: of set e, the text it sees; old_ratio: share of documents with the old segmentation.

    config.max_tokens is the budget of set q. micro: sequences of one forward pass.
    """

    set: str
    name: str
    new: int
    config: ContinuedPretrainConfig
    init: str = "mean"
    old_ratio: float = 0.0
    train_bytes: int | None = None
    micro: int = 0

    @property
    def step_sequences(self) -> int:
        """Sequences of an optimizer step."""
        return self.config.micro_batch_size * self.config.gradient_accumulation_steps

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        config = self.config.model_dump(mode="json", exclude_defaults=True)
        return {**{key: value for key, value in asdict(self).items() if key != "config"}, "config": config}


class ArmModel(TrainingModel):
    """The training model, given a line; without gradients it makes none, which halves the time of measuring."""

    def forward(self, line: Line) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return the summed loss of all targets, and the nats by position, (B, L), 0 where there is no target."""
        if torch.is_grad_enabled():
            return super().forward(line.ids_BL, line.positions_BL, line.labels_BL, line.documents)
        hidden_BLD = self.decoder(
            inputs_embeds=self._embedded(line.ids_BL),
            position_ids=line.positions_BL,
            use_cache=False,
            documents=line.documents,
        ).last_hidden_state
        weight_VD = self.output_matrix().to(hidden_BLD.dtype)
        nats_T = nats_of(hidden_BLD.flatten(0, 1), weight_VD, line.labels_BL.flatten())
        return nats_T.sum(), nats_T.view_as(line.labels_BL)


class Bench:
    """The base, loaded once, the data of each tokenizer, and the file that results go to.

    scale: part of every budget; below 0.1 sequences and texts are short too, to try the script on a CPU.
    """

    def __init__(
        self, data: Path, model: Path, out: Path, *, device: str | None, scale: float, deadline: float
    ) -> None:
        from transformers import AutoModelForCausalLM

        self.data, self.out, self.scale, self.deadline = data, out, scale, deadline
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        attention = register()
        if self.device.type == "cuda":
            check_attention(self.device)
            use_fused_norm()
        base = AutoModelForCausalLM.from_pretrained(model, dtype=dtype, attn_implementation=attention)
        self.base = base.requires_grad_(False).to(self.device)
        self.sets: dict[tuple[str, int], PackedSet] = {}
        self.lines: dict[Any, tuple[list[Line], list[Measured]]] = {}
        self.before: dict[tuple[str, int, str], dict[str, Any]] = {}
        self._done: dict[tuple[str, int], dict[str, dict[str, Any] | None]] = {}

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.time()

    def set(self, name: str, new: int) -> PackedSet:
        """Return a packed set, read once."""
        if (name, new) not in self.sets:
            self.sets[name, new] = load_set(self.data, name, new)
        return self.sets[name, new]

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def autocast(self) -> torch.autocast:
        """bf16 on a GPU, nothing on a CPU."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def write(self, line: dict[str, Any]) -> None:
        """Append a line to the results, whole whatever other processes write."""
        with self.out.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            os.fsync(file.fileno())

    def done(self, name: str, new: int) -> dict[str, dict[str, Any] | None]:
        """Return the arms of a set that the file holds from before, by name; None for one that failed."""
        if (name, new) not in self._done:
            lines = [json.loads(line) for line in self.out.open("rb")] if self.out.is_file() else []
            mine = [line for line in lines if (line["arm"]["set"], line["arm"]["new"]) == (name, new)]
            self._done[name, new] = {line["arm"]["name"]: None if "error" in line else line for line in mine}
        return self._done[name, new]

    def run(self, arm: Arm) -> dict[str, Any] | None:
        """Train and measure an arm, write its line, return it; None when it failed, which is written too.

        An arm that the file holds already is not run again.
        """
        if arm.name in self.done(arm.set, arm.new):
            return self.done(arm.set, arm.new)[arm.name]
        began = time.monotonic()
        try:
            found = _train_and_measure(self, arm)
        except Exception as error:
            self.write({"arm": arm.as_json(), "error": repr(error), "trace": traceback.format_exc()[-2000:]})
            print(f"{arm.set}-{arm.new} {arm.name}: {error!r}", flush=True)
            if "CUDA error" in str(error):  # the device answers nothing after it in this process
                raise
            return None
        finally:
            gc.collect()  # modules hold one another in circles, and their adapters lie on the device
        line = {"arm": arm.as_json(), **found, "seconds": time.monotonic() - began}
        self.write(line)
        print(f"{arm.set}-{arm.new} {arm.name}: {summary(line)}", flush=True)
        return line


def bits(scored: dict[str, Any]) -> float:
    """Bits per character of a measured set."""
    return float(sum(scored["nats"]) / math.log(2) / sum(scored["characters"]))


def summary(line: dict[str, Any]) -> str:
    """One line for the log."""
    parts = [f"{name} {bits(line['before'][name]):.3f}→{bits(after):.3f}" for name, after in line["after"].items()]
    return f"{', '.join(parts)}; {line['tokens']:,} tokens, {line['seconds']:.1f} s ({line['train_seconds']:.1f})"


def _train_and_measure(bench: Bench, arm: Arm) -> dict[str, Any]:
    packed = bench.set(arm.set, arm.new)
    model = _model(bench, arm, packed)
    key = (arm.set, arm.new, arm.init)
    if key not in bench.before:
        bench.before[key] = measure(bench, model, arm)
    batches, seen_bytes = _train_sequences(bench, arm, packed)
    steps = len(batches.input_ids_BL) // arm.step_sequences
    points = {round(steps * n / CURVE_POINTS) for n in range(1, CURVE_POINTS)} if arm.set == "e" else set()
    curve: list[dict[str, Any]] = []
    if arm.set == "e":
        curve.append({"step": 0, "bytes": 0, "tokens": 0, **_totals(measure(bench, model, arm, curve=True))})

    measuring = 0.0

    def on_step(step: int) -> None:
        nonlocal measuring
        if step in points or (step == steps and arm.set == "e"):
            bench.wait()
            began = time.monotonic()
            tokens = step * arm.step_sequences * arm.config.sequence_length
            totals = _totals(measure(bench, model, arm, curve=True))
            curve.append({"step": step, "bytes": round(seen_bytes(tokens)), "tokens": tokens, **totals})
            measuring += time.monotonic() - began

    began = time.monotonic()
    losses = train(bench, model, arm, batches, on_step)
    seconds = time.monotonic() - began - measuring
    after = measure(bench, model, arm)
    tokens = steps * arm.step_sequences * arm.config.sequence_length
    return {
        "steps": steps,
        "tokens": tokens,
        "bytes": round(seen_bytes(tokens)),
        "train_seconds": seconds,
        "losses": losses,
        "before": bench.before[key],
        "after": after,
        "curve": curve,
        "device": torch.cuda.get_device_name() if bench.device.type == "cuda" else "cpu",
    }


def _totals(scored: dict[str, Any]) -> dict[str, Any]:
    return {"bits_per_character": {name: round(bits(found), 5) for name, found in scored.items()}}


def _model(bench: Bench, arm: Arm, packed: PackedSet) -> ArmModel:
    """Return the base with its own modules around the shared weights, rows for new tokens, and fresh adapters."""
    shared = {id(p): p for p in bench.base.parameters()}
    model: Any = copy.deepcopy(bench.base, shared)
    if arm.new:
        embedding = model.get_input_embeddings()
        rows = torch.from_numpy(packed.rows[arm.init]).to(embedding.weight)
        weight = nn.Parameter(torch.cat([embedding.weight, rows]), requires_grad=False)
        embedding.weight, model.get_output_embeddings().weight = weight, weight
        embedding.num_embeddings = model.get_output_embeddings().out_features = len(weight)
        model.config.vocab_size = len(weight)
    torch.manual_seed(arm.config.seed)
    assert arm.config.lora is not None
    model = _with_lora(model, arm.config.lora)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    built = ArmModel(model, first_new_id=packed.first_new_id if arm.new else None, rows=bool(arm.new))
    if arm.new:  # as they were packed, not rounded to the base's type
        built.rows["embed_tokens"].data = torch.from_numpy(packed.rows[arm.init]).to(bench.device)
    built.to(bench.device).train()
    return built


def _train_sequences(bench: Bench, arm: Arm, packed: PackedSet) -> tuple[Batch, Callable[[int], float]]:
    """Return the sequences of whole steps in their order, and the bytes of text in the first so many tokens."""
    length = arm.config.sequence_length
    if arm.set == "q":
        assert arm.config.max_tokens is not None
        steps = arm.config.max_tokens // (length * arm.step_sequences)
        counts = {name: corpus.sequences(length) for name, corpus in packed.train.items()}
        mixture = order_phases(arm.config, counts, steps=steps, batch_sequences=arm.step_sequences)
        names = [mixture.names[i] for i in mixture.corpus_S]
        sequences = [packed.train[n].sequence(int(i), length) for n, i in zip(names, mixture.index_S, strict=True)]
        return stack(sequences), lambda tokens: 0.0
    old = bench.set("e", 0).train["mixture"]
    corpus = alternated(old, packed.train["mixture"], arm.old_ratio)
    ends = np.cumsum(packed.train_bytes_D)
    assert arm.train_bytes is not None
    documents = max(1, int(np.searchsorted(ends, arm.train_bytes, side="right")))
    whole = np.append(corpus.starts_D, len(corpus.tokens_T))
    corpus = PackedCorpus(
        corpus.name, corpus.language, corpus.tokens_T[: whole[documents]], corpus.starts_D[:documents]
    )
    count = corpus.sequences(length) // arm.step_sequences * arm.step_sequences
    if bench.scale < 0.1:
        count = min(count, 3 * arm.step_sequences)
    places, sizes = whole[: documents + 1], np.concatenate([[0], ends[:documents]])
    batch = stack([corpus.sequence(index, length) for index in range(count)])
    return batch, lambda tokens: float(np.interp(tokens, places, sizes))


def train(
    bench: Bench, model: ArmModel, arm: Arm, batches: Batch, on_step: Callable[[int], None]
) -> list[tuple[int, float]]:
    """Train in the arm's phases as the project's loop does; return (step, loss of a target in nats) along the way.

    Raises FloatingPointError when a loss is not finite.
    """
    config, everything = arm.config, trainable_parameters(model)
    lines = train_lines(batches, arm.step_sequences, arm.micro or arm.step_sequences, bench.device)
    loss_of_step = torch.zeros(len(lines), device=bench.device)
    for phase in plan_phases(config, steps=len(lines)):
        parameters = phase.chosen(everything)
        for name, parameter in everything.items():
            parameter.requires_grad_(name in parameters)
            parameter.grad = None
        groups = parameter_groups(model, phase.config, parameters)
        optimizer = torch.optim.AdamW(groups, betas=(config.beta1, config.beta2), fused=True)
        for step in range(phase.first_step, phase.end):
            factor = rate_factor(step - phase.first_step, steps=phase.steps, config=phase.config)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            targets = sum(line.targets for line in lines[step])
            for line in lines[step]:
                with bench.autocast():
                    loss, nats_BL = model(line)
                (loss / targets).backward()
                loss_of_step[step] += nats_BL.sum() / targets
            nn.utils.clip_grad_norm_(list(parameters.values()), config.max_grad_norm or math.inf)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            on_step(step + 1)
    losses = loss_of_step.tolist()
    if not all(map(math.isfinite, losses)):
        raise FloatingPointError(f"the loss of step {[math.isfinite(x) for x in losses].index(False)} is not finite")
    size = max(1, len(losses) // 50)
    return [(at, round(float(np.mean(losses[at : at + size])), 4)) for at in range(0, len(losses) - size + 1, size)]


def train_lines(batches: Batch, step: int, micro: int, device: torch.device) -> list[list[Line]]:
    """Return the forward passes of each step, all on the device."""
    ids, positions, labels = (
        torch.from_numpy(array).to(device)
        for array in (batches.input_ids_BL, batches.position_ids_BL, batches.labels_BL)
    )
    steps = []
    for first in range(0, len(batches.input_ids_BL), step):
        lines = []
        for low in range(first, first + step, micro):
            rows = slice(low, min(low + micro, first + step))
            documents = documents_of(batches.position_ids_BL[rows], device)
            targets = int((batches.labels_BL[rows] != IGNORED).sum())
            lines.append(Line(ids[rows], positions[rows], labels[rows], documents, targets))
        steps.append(lines)
    return steps


def measure(bench: Bench, model: ArmModel, arm: Arm, *, curve: bool = False) -> dict[str, Any]:
    """Return, for each measured set, nats, characters and bytes by document, in windows as in evaluation."""
    key = (arm.set, arm.new, curve)
    if key not in bench.lines:
        bench.lines[key] = _measured_lines(bench, arm, curve)
    lines, measured = bench.lines[key]
    nats_D = torch.zeros(sum(len(m.ids) for m in measured), dtype=torch.float64, device=bench.device)
    with torch.no_grad(), bench.autocast():
        for line in lines:
            _, nats_BL = model(line)
            assert line.owners_T is not None
            nats_D.index_add_(0, line.owners_T, nats_BL.flatten().double())
    values, found, low = nats_D.tolist(), {}, 0
    for one in measured:
        own = values[low : low + len(one.ids)]
        low += len(one.ids)
        found[one.name] = {
            "nats": [round(value, 4) for value in own],
            "characters": one.characters_D.tolist(),
            "bytes": one.bytes_D.tolist(),
            "tokens": sum(map(len, one.ids)),
        }
    return found


def _measured_lines(bench: Bench, arm: Arm, curve: bool) -> tuple[list[Line], list[Measured]]:
    packed = bench.set(arm.set, arm.new)
    wanted, measured = dict(packed.measured), []
    if arm.set == "q":  # the quickstart's English is three documents; new tokens change no other text than Chinese
        wanted[BOOKS] = bench.set("e", 0).measured[BOOKS].first(BOOKS_DOCUMENTS)
    for name, one in wanted.items():
        limit = CURVE_DOCUMENTS.get(name, CURVE_DOCUMENTS_ELSE) if curve else None
        if bench.scale < 0.1:
            limit = 1
            one = replace(one, ids=tuple(ids[:16] for ids in one.ids))
        measured.append(one.first(limit))
    lines = measured_lines(measured, bos=packed.bos, context_tokens=CONTEXT[arm.set], device=bench.device)
    return lines, measured
