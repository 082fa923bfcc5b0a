from __future__ import annotations

import json
import math
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator, reproducible
from hanhua.continued_pretrain.guard import refuse_bad_step
from hanhua.continued_pretrain.loop import any_process, train
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.parallel import place
from hanhua.continued_pretrain.prepare import prepare_data
from hanhua.continued_pretrain.start import start_run
from hanhua.continued_pretrain.stop import stop_on_signals
from hanhua.continued_pretrain.train_log import Measured, read_rows
from hanhua.continued_pretrain.trained import trainable_parameters
from hanhua.errors import HanhuaError


def run(
    settings: Mapping[str, Any],
    resized: Artifact,
    corpus: Artifact,
    out: Path,
    *,
    after_step: Callable[[TrainState], None] | None = None,
) -> tuple[TrainState, TrainingModel, list[dict[str, Any]]]:
    config = ContinuedPretrainConfig.model_validate(settings)
    with reproducible(config.threads):
        accelerator = make_accelerator(config.precision)
        folder = resized.path / "model"
        batch = config.micro_batch_size * config.gradient_accumulation_steps
        data = prepare_data(config, corpus, folder, out / "work", batch_sequences=batch)
        model = build_training_model(folder, config, first_new_id=resized.facts["first_new_id"], dtype=torch.float32)
        checkpoints = Checkpoints(out / "work" / "checkpoints", run={"config": config.model_dump(mode="json")})
        placed = place(model, accelerator, "single")
        where: dict[str, Any] = {"accelerator": accelerator, "checkpoints": checkpoints, "out": out}
        state = train(start_run(model, placed, data, config, **where, after_step=after_step))
    return state, model, read_rows(out / "logs" / "train.jsonl")


def test_it_learns_and_logs_every_step(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    state, _, rows = run(settings, resized, corpus, tmp_path)
    assert (state.step, state.sequences, state.tokens) == (12, 48, 48 * 64)
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert rows[-1]["tokens"] == state.tokens
    assert rows[0]["loss"] == state.first_loss
    assert rows[-1]["loss"] == state.last_loss
    assert sum(row["loss"] for row in rows[-3:]) / 3 < rows[0]["loss"] - 0.3
    assert rows[-1]["bits_per_character"] < rows[0]["bits_per_character"]
    assert max(row["learning_rate"] for row in rows) == pytest.approx(1e-2)
    assert max(row["embedding_learning_rate"] for row in rows) == pytest.approx(5e-3)
    assert all(row["tokens_per_second"] > 0 and row["grad_norm"] > 0 for row in rows)
    assert any((tmp_path / "logs" / "tensorboard").iterdir())


def test_new_rows_and_adapters_move_and_nothing_else(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    _, model, _ = run(settings, resized, corpus, tmp_path)
    config = ContinuedPretrainConfig.model_validate(settings)
    first = resized.facts["first_new_id"]
    fresh = build_training_model(resized.path / "model", config, first_new_id=first, dtype=torch.float32)
    before, after = dict(fresh.named_parameters()), dict(model.named_parameters())
    for name, parameter in after.items():
        if parameter.requires_grad:
            assert not torch.equal(parameter, before[name]), name
        elif parameter.shape[0] > first:
            assert torch.equal(parameter[:first], before[name][:first]), name
        else:
            assert torch.equal(parameter, before[name]), name


def test_micro_batches_add_up_to_the_batch(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    """Token-weighted: four times one sequence is one times four, though sequences differ in targets."""
    # Plain gradients are compared: Adam would blow rounding up where a gradient is near zero.
    few = {**settings, "max_tokens": 64 * 4, "warmup_ratio": 0.0}
    results = []
    for i, (micro, turns) in enumerate([(4, 1), (1, 4)]):
        sizes = {"micro_batch_size": micro, "gradient_accumulation_steps": turns}
        results.append(run({**few, **sizes}, resized, corpus, tmp_path / str(i))[2][0])
    assert results[0]["loss"] == pytest.approx(results[1]["loss"], rel=1e-6)
    assert results[0]["grad_norm"] == pytest.approx(results[1]["grad_norm"], rel=1e-5)
    assert results[0]["bits_per_character"] == pytest.approx(results[1]["bits_per_character"], rel=1e-6)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_same_run_twice_gives_the_same_bits(
    dropout: float, settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    settings["lora"]["dropout"] = dropout
    settings["max_tokens"] = 64 * 4 * 4
    models = [run(settings, resized, corpus, tmp_path / name)[1] for name in "ab"]
    first, second = (trainable_parameters(model) for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    wild = {
        **settings,
        "learning_rate": 1e30,
        "embedding_learning_rate": 1e30,
        "max_grad_norm": None,
        "warmup_ratio": 0.0,
    }
    with pytest.raises(
        HanhuaError, match=r"stopped before the weights were damaged.*Last good checkpoint: .*step-00000001"
    ):
        run({**wild, "save_steps": 1}, resized, corpus, tmp_path)
    rows = read_rows(tmp_path / "logs" / "train.jsonl")
    assert rows
    assert all(math.isfinite(row["loss"]) for row in rows)


@pytest.mark.parametrize(("number", "ends_with"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_saves_the_step_and_the_rest_follows_on(
    number: signal.Signals,
    ends_with: type[BaseException],
    settings: dict[str, Any],
    resized: Artifact,
    corpus: Artifact,
    tmp_path: Path,
) -> None:
    settings["save_steps"] = 1000
    whole = run(settings, resized, corpus, tmp_path / "whole")[1]
    log = tmp_path / "stopped" / "logs" / "train.jsonl"
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]

    def stop_soon() -> None:
        while len(read_rows(log)) < 3:
            threading.Event().wait(0.002)
        os.kill(os.getpid(), number)

    watcher = threading.Thread(target=stop_soon)
    watcher.start()
    with pytest.raises(ends_with):
        run(settings, resized, corpus, tmp_path / "stopped")
    watcher.join()
    assert handlers == [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    stopped_at = len(read_rows(log))
    assert 3 <= stopped_at < 12
    _, model, rows = run(settings, resized, corpus, tmp_path / "stopped")
    assert [row["step"] for row in rows] == list(range(1, 13))
    expected, found = trainable_parameters(whole), trainable_parameters(model)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize("before_the_end", [1, 0])
def test_a_signal_in_the_last_steps_is_obeyed_too(
    before_the_end: int, settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    """Swallowed there, it would let a run go on with whatever comes after training."""
    settings["max_tokens"] = 64 * 4 * 3

    def ask(state: TrainState) -> None:
        if state.step == 3 - before_the_end:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit, match="143"):
        run(settings, resized, corpus, tmp_path, after_step=ask)
    state, _, rows = run(settings, resized, corpus, tmp_path)
    assert state.step == len(rows) == 3


def test_a_signal_that_comes_while_the_processes_ask_each_other_waits_for_the_next_step() -> None:
    with stop_on_signals() as stop:

        def gather(asked: torch.Tensor) -> torch.Tensor:
            os.kill(os.getpid(), signal.SIGTERM)
            while not stop:
                threading.Event().wait(0.001)
            return asked

        several = SimpleNamespace(num_processes=2, device="cpu", gather=gather)
        assert not any_process(stop, several)
        several.gather = torch.clone
        assert any_process(stop, several)


def test_a_log_that_ran_ahead_of_the_checkpoint_is_cut_back(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    run(settings, resized, corpus, tmp_path)
    log = tmp_path / "logs" / "train.jsonl"
    ahead = {**read_rows(log)[-1], "step": 13}
    with log.open("a") as file:
        file.write(json.dumps(ahead) + '\n{"step": 14, "tok')
    state, _, rows = run(settings, resized, corpus, tmp_path)
    assert state.step == 12
    assert [row["step"] for row in rows] == list(range(1, 13))


def test_a_loss_that_jumps_stops_the_run(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    state = TrainState(step=20, mean_loss=2.0)
    config = ContinuedPretrainConfig.model_validate({**settings, "loss_spike_threshold": 1.0})
    optimizer = torch.optim.AdamW([{"params": [torch.nn.Parameter(torch.ones(1))], "name": "weights"}])
    checkpoints = Checkpoints(tmp_path, run={})
    refuse_bad_step(Measured(2.9, None, 1.0), state, optimizer, checkpoints, config)
    with pytest.raises(HanhuaError, match=r"loss 3\.100, where its running mean is 2\.000"):
        refuse_bad_step(Measured(3.1, None, 1.0), state, optimizer, checkpoints, config)
    early = TrainState(step=19, mean_loss=2.0)
    refuse_bad_step(Measured(3.1, None, 1.0), early, optimizer, checkpoints, config)
    off = config.model_copy(update={"loss_spike_threshold": None})
    refuse_bad_step(Measured(99.0, None, 1.0), state, optimizer, checkpoints, off)


def test_the_log_tells_corpora_apart_and_counts_operations(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    settings["max_tokens"] = 64 * 4 * 2
    rows = run(settings, resized, corpus, tmp_path)[2]
    assert set(rows[0]["bits_by_corpus"]) == {"zh", "en_replay"}
    assert rows[0]["bits_by_corpus"]["zh"] == pytest.approx(rows[0]["bits_per_character"], abs=1e-5)
    assert all(row["tflops"] > 0 for row in rows)
    assert "mfu" not in rows[0]  # a CPU has no peak that its maker states
