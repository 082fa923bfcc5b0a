"""A run trained under watch, where its settings ask for that: to its end, to a limit, or until nothing improves."""

from __future__ import annotations

from pathlib import Path

from hanhua.continued_pretrain.checkpoint import TrainState
from hanhua.continued_pretrain.loop import Run, train
from hanhua.continued_pretrain.merge import save_adapter
from hanhua.continued_pretrain.prepare import plan_steered
from hanhua.continued_pretrain.retention.heldout_sets import load_sets, rows_of
from hanhua.continued_pretrain.retention.watch import StoppedEarly, Watch, restore_best
from hanhua.continued_pretrain.trained import trainable_parameters, whole


def train_watched(run: Run, corpus: Path, model: Path, logs: Path) -> TrainState:
    """Train to the end and return where that was; the model then has the weights the run ends with.

    corpus, model: folders of the Corpus and of the model that is trained, for held-out texts and their tokens.
    """
    settings, config = run.config.retention, run.config
    if settings is None:
        return train(run)
    sets = load_sets(settings, corpus)
    rows = rows_of(sets, model, length=config.sequence_length, multiple=config.micro_batch_size)
    order = plan_steered(config, run.data.corpora, batch_sequences=run.batch_sequences)
    watch, others = Watch(run, settings, sets, rows, order, logs), run.after_step

    def after(state: TrainState) -> TrainState:
        state = watch.after(state)
        return (others(state) or state) if others else state

    run.state, run.after_step = watch.begin(run.state), after
    try:
        state = train(run)
    except StoppedEarly as stopped:
        state = stopped.state
    if settings.final == "best":
        restore_best(run.checkpoints, state, run.model)
    return state


def save_best_adapter(run: Run, state: TrainState, folder: Path, *, base_hash: str) -> None:
    """Save the adapter of the best measurement, where the run ends with the last one and the two differ.

    Every process calls this after the last weights are written; those in the model are replaced.
    """
    settings = run.config.retention
    if settings is None or settings.final == "best" or not run.config.has_adapters:
        return
    if restore_best(run.checkpoints, state, run.model) is None:
        return
    trained = {name: whole(parameter) for name, parameter in trainable_parameters(run.model).items()}
    if run.accelerator.is_main_process:
        save_adapter(run.model, trained, folder, base_hash=base_hash)
