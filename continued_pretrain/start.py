"""A run made ready: its last checkpoint restored, its log opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import training_flops_per_token
from hanhua.continued_pretrain.loop import Run
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.continued_pretrain.parallel import Placed, peak_flops
from hanhua.continued_pretrain.trackers import start_trackers
from hanhua.continued_pretrain.train_log import Speed, TrainLog
from hanhua.continued_pretrain.trained import trainable_parameters
from hanhua.continued_pretrain.training_data import TrainingData


def start_run(
    model: TrainingModel,
    placed: Placed,
    data: TrainingData,
    config: ContinuedPretrainConfig,
    *,
    accelerator: Any,
    checkpoints: Checkpoints,
    out: Path,
    name: str = "continued_pretrain",
    after_step: Callable[[TrainState], TrainState | None] | None = None,
) -> Run:
    """Return a run ready to resume from its last checkpoint, or to start."""
    with accelerator.main_process_first():  # it removes what is damaged
        state = checkpoints.load_latest(trainable_parameters(model)) or TrainState()
    batch_sequences = checkpoints.run.get("batch_sequences")
    if batch_sequences is None:
        batch_sequences = config.micro_batch_size * config.gradient_accumulation_steps * accelerator.num_processes
    shape = ModelShape.from_config(model.decoder.config.to_dict())
    new_rows = 0 if model.first_new_id is None else shape.vocab_size - model.first_new_id
    peak = peak_flops(accelerator)
    speed = Speed(
        training_flops_per_token(shape, config, new_rows),
        None if peak is None else peak * accelerator.num_processes,
        dollars_per_hour(config, accelerator),
    )
    first, logs = accelerator.is_main_process, out / "logs"
    trackers = start_trackers(config.report_to if first else (), logs, config=config.model_dump(mode="json"))
    log = TrainLog(logs, done=state.step, enabled=first, speed=speed, trackers=trackers)
    return Run(
        model=model,
        placed=placed,
        data=data,
        config=config,
        accelerator=accelerator,
        checkpoints=checkpoints,
        log=log,
        batch_sequences=batch_sequences,
        name=name,
        state=state,
        after_step=after_step,
    )


def dollars_per_hour(config: ContinuedPretrainConfig, accelerator: Any) -> float | None:
    """Return what the devices at hand cost together; None where no price is known for their kind."""
    on_gpu = accelerator.device.type != "cpu"
    if config.price is None or (config.price.device == "gpu") != on_gpu:
        return None
    return config.price.dollars_per_hour * (accelerator.num_processes if on_gpu else 1)
