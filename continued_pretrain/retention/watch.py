"""What is done with the measurements of a run: the log, the share of replay, the best weights, the limits.

All it needs to go on after a kill is in the checkpoint's state: the nats of step 0, the shares so far, which
measurement was the best and how many came since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_durably
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.loop import Run
from hanhua.continued_pretrain.retention.heldout_sets import HeldoutSet, Rows, by_set
from hanhua.continued_pretrain.retention.measure import Increase, increases, measure_nats
from hanhua.continued_pretrain.retention.replay_order import LEAD_STEPS, ReplayOrder, next_share
from hanhua.continued_pretrain.retention.settings import RetentionSettings
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.continued_pretrain.trained import trainable_parameters
from hanhua.errors import HanhuaError
from hanhua.progress import say

LOG = "retention.jsonl"


class StoppedEarly(Exception):
    """Raised between two steps to end the run, which is whole; `state` is where."""

    def __init__(self, state: TrainState) -> None:
        super().__init__()
        self.state = state


@dataclass(frozen=True)
class Watch:
    """The measurements of one run. order: None where the share of replay stays as it is."""

    run: Run
    settings: RetentionSettings
    sets: Sequence[HeldoutSet]
    rows: Rows
    order: ReplayOrder | None
    logs: Path

    def begin(self, state: TrainState) -> TrainState:
        """Measure step 0, or take up what a checkpoint knows; set the order of data; return the state."""
        kept = state.retention
        if kept is None:
            share = self.order.start_share if self.order else None
            kept = {
                "start": self._measured(),
                "shares": [] if share is None else [[0, share]],
                "best": None,
                "since": 0,
            }
            self._write(replace(state, retention=kept), kept["start"], after=-1)
        else:
            self._cut_log(state.step)
        self._steer(kept)
        return replace(state, retention=kept)

    def after(self, state: TrainState) -> TrainState:
        """Measure if it is time; return the state with what follows.

        Raises HanhuaError when what is to be retained is surely lost beyond the limit, StoppedEarly when the run is to
        end with its best weights.
        """
        if state.step % self.settings.eval_steps and state.step != self.run.steps:
            return state
        assert state.retention is not None
        now = self._measured()
        found = increases(self.sets, state.retention["start"], now)
        kept = self._judged(state, found)
        kept["shares"] = self._next_shares(state, found)
        state = replace(state, retention=kept)
        self._write(state, now, after=state.step - 1)
        self._steer(kept)
        self._refuse_loss(state, found)
        patience = self.settings.early_stopping_patience
        if patience is not None and kept["since"] >= patience:
            why = f"{patience} measurements without a better one"
            say(f"{self.run.name}: {why}, so training ends at step {state.step:,}")
            raise StoppedEarly(state)
        return state

    def _measured(self) -> dict[str, list[float]]:
        pieces, micro = sum(len(one.pieces) for one in self.sets), self.run.config.micro_batch_size
        module, accelerator = self.run.placed.module, self.run.accelerator
        return dict(by_set(self.sets, measure_nats(module, self.rows, accelerator, pieces=pieces, micro=micro)))

    def _judged(self, state: TrainState, found: Mapping[str, Increase]) -> dict[str, Any]:
        """Return what is kept with the best measurement in it, having saved its weights if it is this one."""
        assert state.retention is not None
        rank, kept = self.rank(state.step, found), dict(state.retention)
        if kept["best"] is None or rank < kept["best"]["rank"]:
            kept |= {"best": {"step": state.step, "rank": rank}, "since": 0}
            checkpoints, run = self.run.checkpoints, self.run
            checkpoints.save_best(state.step, trainable_parameters(run.model), write=run.accelerator.is_main_process)
            run.accelerator.wait_for_everyone()
        else:
            kept["since"] += 1
        return kept

    def rank(self, step: int, found: Mapping[str, Increase]) -> list[float]:
        """Return what the best measurement has least of: beyond the limit or not; then what is to be kept low.

        Within the limit that is the bits per byte of what is learned (where none is measured: later is better), beyond
        it the worst increase.
        """
        worst = self._worst({name: one.increase for name, one in found.items()}, ())
        if self.settings.limit is not None and worst > self.settings.limit:
            return [1.0, worst]
        learned = [found[one.name].bits_per_byte for one in self.sets if not one.retained]
        return [0.0, sum(learned) / len(learned) if learned else -float(step)]

    def _worst(self, increase: Mapping[str, float], names: Sequence[str]) -> float:
        """Return the greatest value among the named sets, or all that are to be retained; 0 where there is none."""
        chosen = names or [one.name for one in self.sets if one.retained]
        return max((increase[name] for name in chosen), default=0.0)

    def _next_shares(self, state: TrainState, found: Mapping[str, Increase]) -> list[list[float]]:
        assert state.retention is not None
        replay = self.settings.replay
        shares: list[list[float]] = state.retention["shares"]
        if replay is None:
            return shares
        upper = self._worst({name: one.high for name, one in found.items()}, replay.sets)
        share = next_share(shares[-1][1], upper, replay)
        return shares if share == shares[-1][1] else [*shares, [state.step + LEAD_STEPS, share]]

    def _steer(self, kept: Mapping[str, Any]) -> None:
        if self.order is not None:
            self.order.steer(self.run.data.mixture, [(int(step), share) for step, share in kept["shares"]])

    def _refuse_loss(self, state: TrainState, found: Mapping[str, Increase]) -> None:
        limit = self.settings.max_loss_increase
        lost = {one.name: found[one.name] for one in self.sets if one.retained and found[one.name].low > (limit or 0)}
        if limit is None or not lost:
            return
        assert state.retention is not None
        best = state.retention["best"]
        name, worst = max(lost.items(), key=lambda item: item[1].increase)
        what = (
            f"step {state.step:,}: {name} costs {worst.increase:.1%} more bits per byte than at step 0 "
            f"(95%: {worst.low:.1%} to {worst.high:.1%}), beyond max_loss_increase {limit:.1%}"
        )
        if self.settings.final == "best" and best["rank"][0] == 0:
            say(f"{self.run.name}: {what}; training ends with the weights of step {best['step']:,}")
            raise StoppedEarly(state)
        last = self.run.checkpoints.latest()
        good = f"{self.run.checkpoints.best_folder} (step {best['step']:,})" if best["rank"][0] == 0 else "none"
        raise HanhuaError(
            f"{what}, so training stopped. Last checkpoint: {last if last else 'none yet'}; best one within the limit: "
            f"{good}. Raise the share of replay or retention.replay.max_share, lower the learning rates, or end with "
            "the best weights by retention.final: best"
        )

    def _write(self, state: TrainState, nats: Mapping[str, Sequence[float]], *, after: int) -> None:
        """Add a row for the measurement to the log, cut back to the steps up to `after`."""
        if not self.run.accelerator.is_main_process:
            return
        assert state.retention is not None
        found = increases(self.sets, state.retention["start"], nats)
        shares = state.retention["shares"]
        row = {
            "step": state.step,
            "sets": {name: {key: round(value, 6) for key, value in asdict(one).items()} for name, one in found.items()},
            "replay_share": shares[-1][1] if shares else None,
            "best_step": state.retention["best"]["step"] if state.retention["best"] else None,
        }
        rows = [kept for kept in read_rows(self.logs / LOG) if kept["step"] <= after]
        write_durably(self.logs / LOG, "".join(json.dumps(one) + "\n" for one in [*rows, row]))
        values = {f"retention/{name}": one.bits_per_byte for name, one in found.items()}
        values |= {f"retention/{name}_increase": one.increase for name, one in found.items()}
        if shares:
            values["retention/replay_share"] = shares[-1][1]
        self.run.log.note(values, step=state.step)
        if state.step:
            parts = [f"{name} {one.bits_per_byte:.3f} ({one.increase:+.1%})" for name, one in found.items()]
            say(f"{self.run.name}: step {state.step:,}: bits per byte of {', '.join(parts)}")

    def _cut_log(self, step: int) -> None:
        if self.run.accelerator.is_main_process:
            rows = [row for row in read_rows(self.logs / LOG) if row["step"] <= step]
            write_durably(self.logs / LOG, "".join(json.dumps(row) + "\n" for row in rows))


def retention_facts(state: TrainState, logs: Path) -> dict[str, Any]:
    """Return first and last measurement and the best step, for the manifest."""
    rows = read_rows(logs / LOG)
    assert state.retention is not None
    last = rows[-1]
    start = {name: values["bits_per_byte"] for name, values in rows[0]["sets"].items()}
    return {
        "start_bits_per_byte": start,
        "last": last["sets"],
        "last_step": last["step"],
        "best_step": last["best_step"],
    }


def restore_best(checkpoints: Checkpoints, state: TrainState, model: Any) -> int | None:
    """Put the best weights in place of the last; return their step, None where the last are the best."""
    best = (state.retention or {}).get("best")
    if best is None or best["step"] == state.step:
        return None
    return checkpoints.load_best(trainable_parameters(model), step=best["step"])
