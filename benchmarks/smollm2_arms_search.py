"""Which arms of `smollm2_arms` are run, and in which order, until the time is spent.

Set q: a few settings that are worth trying, then one change at a time to the best so far, then the best with other
seeds and other budgets. Set e: settings of 300,000 tokens with and without new tokens, then the arms of the comparison
on as many bytes as the time allows, the most telling first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smollm2_arms_training import Arm, Bench, bits

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.section_settings import LoraSettings, PhaseSettings, Schedule

Line = dict[str, Any]
BUDGET = 98_304
OTHER_BUDGETS = (65_536, 131_072)
WEIGHTS = {"zh": 0.80, "en_replay": 0.13, "chat_replay": 0.07}
MOST_ENGLISH = 1.02
MARGIN = 1.2
"""An arm is begun when this many times its estimated time is left."""
FIRST_GUESS_SECONDS = {"cuda": 12.0, "cpu": 60.0}


def rows_first(ratio: float) -> tuple[PhaseSettings, ...]:
    """Return the phases of a run that trains the new rows alone for this share of it; none for 0."""
    if not ratio:
        return ()
    return (
        PhaseSettings(name="rows", tokens_ratio=ratio, trainable="new_embeddings"),
        PhaseSettings(name="main", tokens_ratio=1 - ratio),
    )


def q_arm(bench: Bench, new: int, *, lr: float, rows_lr: float = 1e-2, rows_ratio: float = 0.0, step: int = 2048,
          schedule: Schedule = "cosine", rank: int = 32, alpha: float = 16.0, tokens: int = BUDGET, seed: int = 0,
          init: str = "mean", weights: dict[str, float] | None = None) -> Arm:  # fmt: skip
    """Return an arm of set q. rows_ratio: share of the tokens that train the rows alone first. step: tokens of one."""
    length = 512
    if bench.scale < 0.1:
        length, step = 64, max(64, step // 16)
        tokens = max(3 * step, int(tokens * bench.scale) // step * step)
    config = ContinuedPretrainConfig(
        weights=weights or WEIGHTS, max_tokens=tokens, sequence_length=length, micro_batch_size=step // length,
        gradient_accumulation_steps=1, learning_rate=lr, embedding_learning_rate=rows_lr, schedule=schedule,
        lora=LoraSettings(rank=rank, alpha=alpha), phases=rows_first(rows_ratio), seed=seed,
    )  # fmt: skip
    rows = f" rows {rows_lr:.2g}" + (f" first {rows_ratio:g}" if rows_ratio else "") if new else ""
    share = f" zh {weights['zh']:g}" if weights else ""
    name = (
        f"lr {lr:.2g}{rows} step {step} {schedule} r{rank}/{alpha:g}{share} {tokens // 1024}K"
        + (f" {init}" if new else "") + f" seed {seed}"
    )  # fmt: skip
    return Arm("q", name, new, config, init=init)


Settings = dict[str, Any]
FIRST_EXTENDED: tuple[Settings, ...] = (
    {"lr": 1.5e-3, "rows_lr": 3e-3, "step": 1024},
    {"lr": 1.5e-3, "rows_lr": 1e-2, "step": 1024, "rows_ratio": 0.3},
    {"lr": 1.5e-3, "rows_lr": 3e-3, "step": 1024, "rows_ratio": 0.3},
    {"lr": 1.5e-3, "rows_lr": 1e-3, "step": 1024},
    {"lr": 3e-3, "rows_lr": 5e-3, "step": 1024},
    {"lr": 2e-3, "rows_lr": 3e-2, "rows_ratio": 0.3},
)
FIRST_PLAIN: tuple[Settings, ...] = (
    {"lr": 1e-3},
    {"lr": 1e-3, "step": 1024},
    {"lr": 2e-3},
    {"lr": 2e-3, "step": 1024},
    {"lr": 1.5e-3, "step": 1024, "schedule": "wsd"},
)


def neighbors(best: Settings, new: int) -> Iterator[Settings]:
    """Yield settings that differ from the best in one thing, the likeliest gains first."""
    lr, rows_lr, ratio = best["lr"], best.get("rows_lr", 1e-2), best.get("rows_ratio", 0.0)
    step, schedule = best.get("step", 2048), best.get("schedule", "cosine")
    yield {**best, "lr": lr * 1.5}
    if new:
        yield {**best, "rows_lr": rows_lr * 2}
        yield {**best, "rows_ratio": 0.3 if not ratio else 0.0}
    yield {**best, "step": 1024 if step > 1024 else 2048}
    yield {**best, "schedule": "cosine" if schedule == "wsd" else "wsd"}
    yield {**best, "lr": lr / 1.5}
    if new:
        yield {**best, "rows_lr": rows_lr / 2}
        yield {**best, "init": "calibrated" if best.get("init", "mean") == "mean" else "mean"}
    yield {**best, "rank": 64 if best.get("rank", 32) == 32 else 32}
    yield {**best, "weights": {"zh": 0.87, "en_replay": 0.08, "chat_replay": 0.05}}
    if new:
        yield {**best, "rows_ratio": 0.15 if ratio != 0.15 else 0.4}
    yield {**best, "rank": 8}


class Tried:
    """What was tried in set q for one number of new tokens, and how long it took."""

    def __init__(self, bench: Bench, new: int) -> None:
        self.bench, self.new = bench, new
        self.found: dict[str, tuple[float, Settings]] = {}
        self._step_seconds = FIRST_GUESS_SECONDS[bench.device.type] / (BUDGET / 1024)
        self._other_seconds = 3.0

    def seconds(self, settings: Settings) -> float:
        """Return how long an arm with these settings will take at most."""
        arm = q_arm(self.bench, self.new, **settings)
        steps = (arm.config.max_tokens or 0) / arm.config.tokens_per_step
        return MARGIN * (self._other_seconds + steps * self._step_seconds)

    def reserve(self) -> float:
        """Return the seconds that the best needs again: with a second seed, and with the smaller budget."""
        best = self.best if self.found else {"lr": 1e-3}
        return self.seconds({**best, "seed": 1}) + self.seconds({**best, "tokens": OTHER_BUDGETS[0]})

    def run(self, settings: Settings, *, reserve: bool, **changes: Any) -> Line | None:
        """Run an arm with these settings if it fits, and remember what it gave. reserve: leave time for the best."""
        both = {**settings, **changes}
        if self.bench.left < self.seconds(both) + (self.reserve() if reserve else 0.0):
            return None
        arm = q_arm(self.bench, self.new, **both)
        line = self.bench.run(arm)
        if line is None:
            return None
        self._step_seconds = line["train_seconds"] / line["steps"]
        self._other_seconds = line["seconds"] - line["train_seconds"]
        if not changes:
            self.found[arm.name] = (_worth(line), settings)
        return line

    def knows(self, settings: Settings) -> bool:
        """Return whether an arm with these settings was run."""
        return q_arm(self.bench, self.new, **settings).name in self.found

    @property
    def best(self) -> Settings:
        """The settings with the lowest Chinese bits per character among those that keep English."""
        return min(self.found.values(), key=lambda found: found[0])[1]


def _worth(line: Line) -> float:
    """Chinese bits per character; far more where English lost more than it may."""
    kept = bits(line["after"]["en_replay"]) <= MOST_ENGLISH * bits(line["before"]["en_replay"])
    return bits(line["after"]["zh"]) + (0.0 if kept else 100.0)


def search_q(bench: Bench, new: int) -> None:
    """Run the arms of set q for one number of new tokens until the time is spent."""
    tried = Tried(bench, new)
    for settings in FIRST_EXTENDED if new else FIRST_PLAIN:
        tried.run(settings, reserve=True)
    improved = bool(tried.found)
    while improved:
        improved = False
        for settings in neighbors(tried.best, new):
            before = tried.best
            if not tried.knows(settings):
                tried.run(settings, reserve=True)
            if tried.best is not before:
                improved = True
                break
    if tried.found:
        best = tried.best
        print(f"q-{new}: best is {q_arm(bench, new, **best).name}", flush=True)
        tried.run(best, reserve=False, seed=1)
        for tokens in OTHER_BUDGETS:
            tried.run(best, reserve=False, tokens=tokens)
        tried.run(best, reserve=False, seed=2)


def e_arm(bench: Bench, name: str, new: int, *, train_bytes: int, lr: float, rows_lr: float = 3e-3, step: int = 16_384,
          rows_ratio: float = 0.0, old_ratio: float = 0.0, init: str = "mean", seed: int = 0) -> Arm:  # fmt: skip
    """Return an arm of set e. rows_ratio: share of the steps that train the rows alone first."""
    length = 2048
    if bench.scale < 0.1:
        length, step = 64, 128
    config = ContinuedPretrainConfig(
        sequence_length=length, micro_batch_size=step // length, gradient_accumulation_steps=1, learning_rate=lr,
        embedding_learning_rate=rows_lr, lora=LoraSettings(rank=64, alpha=16), phases=rows_first(rows_ratio), seed=seed,
    )  # fmt: skip
    return Arm("e", f"{name} seed {seed}", new, config, init=init, old_ratio=old_ratio, train_bytes=train_bytes)


SHORT_TOKENS = 300_000
SHORT_STEP = 8192
SHORT: tuple[tuple[int, float, float], ...] = (
    (0, 1e-3, 0.0), (2048, 1e-3, 3e-3), (2048, 1e-3, 1e-2), (0, 2e-3, 0.0), (2048, 2e-3, 3e-3),
    (0, 5e-4, 0.0), (2048, 1e-3, 1e-3),
)  # fmt: skip
LONG: tuple[tuple[str, int, Settings], ...] = (
    ("unextended", 0, {}),
    ("extended", 2048, {}),
    ("extended, rows first", 2048, {"rows_ratio": 0.2}),
    ("extended, alternating", 2048, {"old_ratio": 0.5}),
    ("unextended, twin", 0, {"seed": 1}),
    ("extended, calibrated", 2048, {"init": "calibrated"}),
    ("extended by 8192, rows first", 8192, {"rows_ratio": 0.2}),
    ("extended, alternating, rows first", 2048, {"old_ratio": 0.5, "rows_ratio": 0.2}),
    ("extended, rows first", 2048, {"rows_ratio": 0.2, "seed": 1}),
    ("extended", 2048, {"seed": 1}),
    ("extended, fewer tokens per step", 2048, {"step": 10_240}),
    ("extended by 8192", 8192, {}),
    ("unextended, third", 0, {"seed": 2}),
    ("extended, rows first", 2048, {"rows_ratio": 0.2, "seed": 2}),
)  # fmt: skip
WANTED_LONG_ARMS = 6
"""So many unextended arms should fit, which is more extended ones, as they have fewer tokens; the budget follows."""


def search_e(bench: Bench) -> None:
    """Run the arms of set e until the time is spent: short ones to choose rates, then the comparison."""
    packed = bench.set("e", 0)
    corpus = packed.train["mixture"]
    bytes_per_token = float(packed.train_bytes_D.sum()) / len(corpus.tokens_T)
    short_bytes = int(max(SHORT_TOKENS * bench.scale, 600) * bytes_per_token)
    guess = FIRST_GUESS_SECONDS[bench.device.type]
    lines: dict[int, list[tuple[float, float, float]]] = {}
    short: list[Line] = []
    total = bench.left
    for new, lr, rows_lr in SHORT:
        enough = lines.get(0) and lines.get(2048)
        if bench.left < guess * MARGIN or (enough and bench.left < 0.7 * total):
            continue
        name = f"300K lr {lr:.2g}" + (f" rows {rows_lr:.2g}" if new else "")
        arm = e_arm(bench, name, new, train_bytes=short_bytes, step=SHORT_STEP, lr=lr, rows_lr=rows_lr or 1e-2)
        line = bench.run(arm)
        if line is not None:
            short.append(line)
            guess = line["seconds"]
            lines.setdefault(new, []).append((_chinese(line), lr, rows_lr))
    if short:
        _compare(bench, lines, short)


def _chinese(line: Line) -> float:
    return sum(bits(found) for name, found in line["after"].items() if name.startswith("zh"))


def _compare(bench: Bench, lines: dict[int, list[tuple[float, float, float]]], short: list[Line]) -> None:
    """Run the comparison, each side with the rates that were best in its short arms, on one number of bytes."""
    packed = bench.set("e", 0)
    around = min(line["seconds"] - line["train_seconds"] for line in short)
    speed = max(line["tokens"] / line["train_seconds"] for line in short)
    arm_seconds = 0.95 * bench.left / WANTED_LONG_ARMS - around
    whole = int(packed.train_bytes_D.sum())
    per_token = whole / len(packed.train["mixture"].tokens_T)
    train_bytes = int(min(whole, max(speed * arm_seconds, 300_000 * bench.scale) * per_token))
    if bench.scale < 0.1:
        train_bytes = int(600 * per_token)
    print(f"e: {speed:,.0f} tokens/s, {bench.left:.0f} s left, {train_bytes:,} bytes of {whole:,} an arm", flush=True)
    slowest = 0.0
    for name, new, changes in LONG:
        best = min(lines.get(min(new, 2048)) or lines[0])
        arm = e_arm(bench, name, new, train_bytes=train_bytes, **{"lr": best[1], "rows_lr": best[2] or 1e-2, **changes})
        guess = slowest or around + train_bytes / per_token / speed
        if bench.left > guess * MARGIN and (line := bench.run(arm)) is not None:
            slowest = max(slowest, line["seconds"])
