"""Runs of a tiny model under watch: what follows from measurements, and that no stop changes any of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from hanhua.artifacts import Artifact, open_artifact
from hanhua.cli.train import train_into
from hanhua.continued_pretrain.checkpoint import BEST, Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator, reproducible
from hanhua.continued_pretrain.loop import Run
from hanhua.continued_pretrain.model import build_training_model
from hanhua.continued_pretrain.parallel import place
from hanhua.continued_pretrain.prepare import prepare_data
from hanhua.continued_pretrain.retention.replay_order import LEAD_STEPS
from hanhua.continued_pretrain.retention.watched_run import train_watched
from hanhua.continued_pretrain.start import start_run
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.continued_pretrain.trained import trainable_parameters
from hanhua.errors import HanhuaError

STEPS = 40
REPLAY = {"corpora": ["en_replay"], "target_loss_increase": 0.02, "min_share": 0.1, "max_share": 0.6}
RETENTION = {"eval_steps": 5, "sets": ["english"], "heldout": ["zh", "en_replay"], "max_loss_increase": None}


class Killed(BaseException):
    """The process would end here."""


@pytest.fixture
def watched(settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "max_tokens": 64 * 4 * STEPS, "retention": {**RETENTION, "replay": REPLAY}}


def run(
    settings: dict[str, Any],
    resized: Artifact,
    corpus: Artifact,
    out: Path,
    *,
    after_step: Callable[[TrainState], None] | None = None,
) -> tuple[TrainState, Run]:
    config, folder = ContinuedPretrainConfig.model_validate(settings), resized.path / "model"
    with reproducible(config.threads):
        accelerator, batch = make_accelerator(config.precision), 4
        data = prepare_data(config, corpus, folder, out / "work", batch_sequences=batch)
        model = build_training_model(folder, config, first_new_id=resized.facts["first_new_id"], dtype=torch.float32)
        checkpoints = Checkpoints(out / "work" / "checkpoints", run={"config": config.model_dump(mode="json")})
        where: dict[str, Any] = {"accelerator": accelerator, "checkpoints": checkpoints, "out": out}
        placed = place(model, accelerator, "single")
        started = start_run(model, placed, data, config, **where, after_step=after_step)
        return train_watched(started, corpus.path, folder, out / "logs"), started


def rows(out: Path) -> list[dict[str, Any]]:
    return read_rows(out / "logs" / "retention.jsonl")


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_stops_change_no_bit(
    kills: int, watched: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    """Weights, data, measurements, best weights; each stop is after a step's measurement, before its checkpoint."""
    whole_state, whole = run(watched, resized, corpus, tmp_path / "whole")
    seed = random.randrange(1 << 30)
    for step in sorted(random.Random(seed).sample(range(1, STEPS + 1), kills)):

        def stop(state: TrainState, at: int = step) -> None:
            if state.step == at:
                raise Killed

        with pytest.raises(Killed):
            run(watched, resized, corpus, tmp_path / "killed", after_step=stop)
    state, killed = run(watched, resized, corpus, tmp_path / "killed")
    assert state == whole_state, seed
    expected, found = trainable_parameters(whole.model), trainable_parameters(killed.model)
    assert all(torch.equal(expected[name], found[name]) for name in expected), seed
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
    assert (killed.data.mixture.corpus_S == whole.data.mixture.corpus_S).all()
    assert (killed.data.mixture.index_S == whole.data.mixture.index_S).all()
    best = [tmp_path / name / "work" / "checkpoints" / BEST / "trained.safetensors" for name in ("whole", "killed")]
    assert best[0].read_bytes() == best[1].read_bytes()


def test_the_share_follows_what_was_measured(
    watched: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    state, started = run(watched, resized, corpus, tmp_path)
    found = rows(tmp_path)
    assert [row["step"] for row in found] == list(range(0, STEPS + 1, 5))
    assert found[0]["sets"]["english"]["increase"] == 0
    assert found[0]["replay_share"] == pytest.approx(0.25)
    assert state.retention is not None
    shares = state.retention["shares"]
    assert len({share for _, share in shares}) > 1, "it moves"
    assert all((step - LEAD_STEPS) % 5 == 0 for step, _ in shares[1:])
    assert all(0.1 <= share <= 0.6 for _, share in shares)
    for before, now in pairwise(found):
        if max(now["sets"][name]["high"] for name in ("english", "en_replay")) > 0.01:
            assert now["replay_share"] >= before["replay_share"]
        else:
            assert now["replay_share"] <= before["replay_share"]
    number = started.data.mixture.names.index("en_replay")
    replay_B = started.data.mixture.corpus_S.reshape(STEPS, 4) == number
    in_effect = [[share for first, share in shares if first <= step][-1] for step in range(STEPS)]
    assert replay_B.sum() == pytest.approx(4 * sum(in_effect), abs=1)
    assert any((tmp_path / "logs" / "tensorboard").iterdir())


def test_a_loss_beyond_the_limit_stops_the_run_before_its_checkpoint(
    watched: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    """Under this rate even a model that knows nothing gets worse."""
    watched |= {"embedding_learning_rate": 5.0, "loss_spike_threshold": None, "save_steps": 1}
    watched["retention"] = {**RETENTION, "sets": ["code"], "max_loss_increase": 0.05}
    with pytest.raises(
        HanhuaError, match=r"step 5: en_replay costs .* more bits per byte.*step-00000004; best one.*none"
    ):
        run(watched, resized, corpus, tmp_path)
    assert Checkpoints(tmp_path / "work" / "checkpoints", run={}).latest() is not None
    assert len(rows(tmp_path)) == 2


def test_at_the_limit_a_run_that_wants_its_best_weights_ends_with_them(
    watched: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    """Five quiet steps, then a phase that ruins the model."""
    quiet = {"name": "quiet", "tokens_ratio": 0.25, "learning_rate": 1e-5, "embedding_learning_rate": 1e-5}
    loud = {"name": "loud", "tokens_ratio": 0.75, "embedding_learning_rate": 5.0}
    watched |= {"phases": [quiet, loud], "loss_spike_threshold": None}
    watched["retention"] = {**RETENTION, "sets": ["code"], "max_loss_increase": 0.05, "final": "best"}
    state, started = run(watched, resized, corpus, tmp_path)
    assert state.step < STEPS
    assert state.retention is not None and state.retention["best"]["step"] == 10
    kept = Checkpoints(tmp_path / "work" / "checkpoints", run={})
    weights = {name: p.detach().clone() for name, p in trainable_parameters(started.model).items()}
    assert kept.load_best(trainable_parameters(started.model), step=10) == 10
    assert all(torch.equal(weights[name], p) for name, p in trainable_parameters(started.model).items())


def test_it_ends_when_nothing_improves(
    watched: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    watched |= {"learning_rate": 0.3, "loss_spike_threshold": None}
    watched["retention"] = {**RETENTION, "early_stopping_patience": 2, "final": "best"}
    state, _ = run(watched, resized, corpus, tmp_path)
    assert state.retention is not None
    assert state.step < STEPS
    assert state.retention["since"] == 2
    found = [row["sets"]["zh"]["bits_per_byte"] for row in rows(tmp_path)[1:]]
    assert min(found) == found[-3]
    assert state.retention["best"]["step"] == state.step - 10


def test_an_artifact_has_last_and_best_and_the_facts(
    watched: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    replay = {**REPLAY, "target_loss_increase": 1e-6}
    watched["retention"] = {**RETENTION, "sets": ["code"], "eval_steps": 10, "replay": replay}
    config = ContinuedPretrainConfig.model_validate(watched)
    train_into(tmp_path / "out", config, model=resized.path, corpus=corpus.path)
    made = open_artifact(tmp_path / "out")
    facts = made.facts["retention"]
    assert set(facts["last"]) == {"code", "zh", "en_replay"}
    assert facts["last_step"] == STEPS
    parts = {entry.path.split("/")[0] for entry in made.files}
    assert parts == {"adapter", "model"} | ({"best_adapter"} if facts["best_step"] != STEPS else set())
    assert made.facts["corpora"]["en_replay"]["share"] != pytest.approx(0.25)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp2"])
def test_two_processes_measure_as_one_and_keep_in_step(
    parallel: str, watched: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    watched |= {"max_tokens": 64 * 4 * 10}
    found = {}
    for processes in (1, 2):
        sizes = {"processes": processes, "gradient_accumulation_steps": 2 // processes, "parallel": parallel}
        config = ContinuedPretrainConfig.model_validate({**watched, **sizes})
        train_into(tmp_path / str(processes), config, model=resized.path, corpus=corpus.path)
        assert open_artifact(tmp_path / str(processes)).facts["placement"] == (parallel if processes == 2 else "single")
        found[processes] = rows(tmp_path / str(processes))
    for one, two in zip(found[1], found[2], strict=True):
        assert one["step"] == two["step"]
        for name, values in one["sets"].items():
            assert two["sets"][name]["bits_per_byte"] == pytest.approx(values["bits_per_byte"], abs=1e-3)
        assert two["replay_share"] == pytest.approx(one["replay_share"], abs=0.02)


@pytest.mark.parametrize(
    ("retention", "message"),
    [
        ({"sets": []}, "nothing to measure"),
        ({"replay": {**REPLAY, "sets": ["latin"]}}, "replay.sets names 'latin'"),
        ({"replay": {**REPLAY, "min_share": 0.7}}, "min_share 0.7 is above max_share 0.6"),
        ({"replay": {**REPLAY, "corpora": []}}, "at least 1 item"),
    ],
)
def test_what_makes_no_sense_is_refused(retention: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ContinuedPretrainConfig.model_validate({"retention": retention})


def test_phases_with_weights_and_a_moving_share_are_refused() -> None:
    phase = {"name": "a", "tokens_ratio": 1.0, "weights": {"zh": 1.0}}
    with pytest.raises(ValueError, match="phase 'a' has weights"):
        ContinuedPretrainConfig.model_validate({"retention": {"replay": REPLAY}, "phases": [phase]})
