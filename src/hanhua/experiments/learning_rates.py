"""Which learning rate to train at: a short training at each of several, judged on held-out text.

Both rates, of adapters and of new rows, are multiplied by the same factors. A short run with its own warm-up and decay
finds the rate at which training still goes well; the best rate of a much longer run is seldom higher, often lower.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.fingerprint import fingerprint
from hanhua.config_fields import key_config
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.retention.settings import RetentionSettings
from hanhua.errors import HanhuaError, MissingExtra, UsageError
from hanhua.progress import say

MAX_SET_BYTES = 65_536


@dataclass(frozen=True)
class RateSearch:
    """What is tried.

    tokens: of each short run. learned: corpora whose held-out text is to get better. retained: others that are measured
    too; max_loss_increase: largest rise of their bits per byte at which a rate may be chosen.
    """

    learned: tuple[str, ...]
    retained: tuple[str, ...] = ()
    factors: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    tokens: int = 1_000_000
    max_loss_increase: float | None = None


@dataclass(frozen=True)
class TriedRate:
    """What one factor gave.

    bits_per_byte: of what is learned, at the start and at the end; None where training broke off. worst_increase: the
    greatest rise among sets to be retained, as a share.
    """

    factor: float
    learning_rate: float
    embedding_learning_rate: float
    start_bits_per_byte: float | None
    bits_per_byte: float | None
    worst_increase: float | None
    stopped: str | None = None


@dataclass(frozen=True)
class FoundRate:
    """All that was tried, in order of the factor; best: None where no run went well."""

    tried: tuple[TriedRate, ...]
    best: TriedRate | None

    @property
    def at_edge(self) -> bool:
        """Whether the best is the least or the greatest that was tried: one beyond it may be better still."""
        return self.best is not None and self.best.factor in (self.tried[0].factor, self.tried[-1].factor)


def search_learning_rate(
    search: RateSearch,
    config: ContinuedPretrainConfig,
    *,
    base: Artifact,
    corpus: Artifact,
    first_new_id: int | None,
    work: Path,
) -> FoundRate:
    """Train shortly at every factor and measure; finished ones are kept in `work`, so that a search can resume.

    config: that of the long run. Raises UsageError for a search that cannot tell anything, MissingExtra without torch.
    """
    if find_spec("torch") is None:
        raise MissingExtra("hanhua find-lr", "train")
    if not search.learned or len(set(search.factors)) < 2:
        raise UsageError("a search needs held-out text that is to get better, and two factors or more")
    work.mkdir(parents=True, exist_ok=True)
    tried = []
    for factor in sorted(set(search.factors)):
        trial = trial_config(search, config, factor)
        inputs = {"base": base.content_hash, "corpus": corpus.content_hash, "first_new_id": first_new_id}
        key = fingerprint({"config": key_config(trial), **inputs})[:16]
        result = work / f"rate-{key}.json"
        if not result.is_file():
            say(f"find-lr: factor {factor:g}: learning_rate {trial.learning_rate:.3g}")
            one = _train(factor, trial, base, corpus, first_new_id, work / f"trial-{key}", learned=search.learned)
            write_json(result, asdict(one))
            shutil.rmtree(work / f"trial-{key}", ignore_errors=True)
        tried.append(TriedRate(**read_json(result)))
    return FoundRate(tuple(tried), choose(tried, max_loss_increase=search.max_loss_increase))


def trial_config(search: RateSearch, config: ContinuedPretrainConfig, factor: float) -> ContinuedPretrainConfig:
    """Return the settings of one short run."""
    watch = RetentionSettings(
        eval_steps=1_000_000_000,
        heldout=(*search.learned, *search.retained),
        max_set_bytes=MAX_SET_BYTES,
        max_loss_increase=None,
    )
    changes: dict[str, Any] = {
        "learning_rate": config.learning_rate * factor,
        "embedding_learning_rate": config.embedding_learning_rate * factor,
        "max_tokens": search.tokens,
        "save_steps": 1_000_000_000,
        "report_to": (),
        "retention": watch.model_dump(),
    }
    return ContinuedPretrainConfig.model_validate({**config.model_dump(), **changes})


def _train(
    factor: float,
    config: ContinuedPretrainConfig,
    base: Artifact,
    corpus: Artifact,
    first_new_id: int | None,
    out: Path,
    *,
    learned: Sequence[str],
) -> TriedRate:
    from hanhua.continued_pretrain.stage import pretrain_folder

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    rates = (factor, config.learning_rate, config.embedding_learning_rate)
    try:
        facts = pretrain_folder(config, base, corpus, out, first_new_id=first_new_id)["retention"]
    except UsageError:
        raise
    except HanhuaError as error:
        return TriedRate(*rates, None, None, None, stopped=str(error).partition(", so training")[0])
    last, start = facts["last"], facts["start_bits_per_byte"]
    others = [values["increase"] for name, values in last.items() if name not in learned]
    return TriedRate(
        *rates,
        sum(start[name] for name in learned) / len(learned),
        sum(last[name]["bits_per_byte"] for name in learned) / len(learned),
        max(others, default=None),
    )


def choose(tried: Sequence[TriedRate], *, max_loss_increase: float | None) -> TriedRate | None:
    """Return the rate with the lowest bits per byte among those that lose little enough; the lower one on a tie.

    >>> gave = ((0.1, 2.5, 0.0), (1, 2.0, 0.01), (3, 1.9, 0.2))
    >>> rates = [TriedRate(factor, factor, factor, 3.0, bits, loss) for factor, bits, loss in gave]
    >>> choose(rates, max_loss_increase=None).factor, choose(rates, max_loss_increase=0.05).factor
    (3, 1)
    """
    allowed = [
        one
        for one in tried
        if one.bits_per_byte is not None
        and (max_loss_increase is None or (one.worst_increase or 0) <= max_loss_increase)
    ]
    return min(allowed, key=lambda one: (one.bits_per_byte, one.factor), default=None)
