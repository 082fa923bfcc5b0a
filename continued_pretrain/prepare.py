"""From a Corpus to the data of a run: what is tokenized, and in which order it is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.mixture import Mixture, resolve_weights, run_sequences
from hanhua.continued_pretrain.old_segmentation import OldSegmentation
from hanhua.continued_pretrain.pack import PackedCorpus, pack_corpora, token_characters
from hanhua.continued_pretrain.phases import order_phases
from hanhua.continued_pretrain.retention.replay_order import ReplayOrder, plan_replay_order
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.errors import InputError
from hanhua.model_folder import check_sizes


def prepare_data(
    config: ContinuedPretrainConfig,
    corpus: Artifact,
    model: Path,
    work: Path,
    *,
    batch_sequences: int,
    first_new_id: int | None = None,
) -> TrainingData:
    """Tokenize what the run needs of a Corpus with the model's tokenizer and decide the order.

    first_new_id: where the base's vocabulary ends; old_segmentation needs it. Raises InputError without new tokens.
    """
    old = None
    if config.old_segmentation is not None:
        if first_new_id is None:
            raise InputError("old_segmentation: the model has no new tokens, so all text is spelled as the base does")
        old = OldSegmentation(config.old_segmentation, first_new_id, config.seed)
    packed = pack_corpora(
        corpus.path,
        corpus_hash=corpus.content_hash,
        tokenizer_folder=model,
        work=work,
        enough_tokens=_enough_tokens(config),
        seed=config.seed,
        workers=config.workers,
        bpe_dropout=config.bpe_dropout,
        chat_corpora=config.chat_corpora,
        old=old,
    )
    rows = check_sizes(model, first_new_id=None)
    order = plan_mixture(config, packed, batch_sequences=batch_sequences)
    return TrainingData(packed, order, token_characters(model, rows=rows), config.sequence_length)


def _enough_tokens(config: ContinuedPretrainConfig) -> dict[str, int] | None:
    """Return what each corpus needs at most; None takes all of it."""
    if config.max_tokens is None or not config.weights or any(phase.weights for phase in config.phases):
        return None
    # Two sequences more than its share, so that cutting to whole ones leaves enough.
    shares = greatest_shares(config)
    return {name: int(share * config.max_tokens) + 2 * config.sequence_length for name, share in shares.items()}


def greatest_shares(config: ContinuedPretrainConfig) -> dict[str, float]:
    """Return the greatest share of the run that each weighted corpus can have."""
    total = sum(config.weights.values())
    shares = {name: weight / total for name, weight in config.weights.items()}
    replay = config.retention.replay if config.retention else None
    if replay is None:
        return shares
    replayed = sum(share for name, share in shares.items() if name in replay.corpora)
    scale = {True: replay.max_share / (replayed or 1), False: (1 - replay.min_share) / ((1 - replayed) or 1)}
    return {name: share * scale[name in replay.corpora] for name, share in shares.items()}


def plan_mixture(
    config: ContinuedPretrainConfig, packed: Mapping[str, PackedCorpus], *, batch_sequences: int
) -> Mixture:
    """Return the order of the whole run."""
    order = plan_steered(config, packed, batch_sequences=batch_sequences)
    if order is not None:
        return order.mixture([(0, order.start_share)])
    sequences, _, total = _sizes(config, packed, batch_sequences)
    return order_phases(config, sequences, steps=total // batch_sequences, batch_sequences=batch_sequences)


def plan_steered(
    config: ContinuedPretrainConfig, packed: Mapping[str, PackedCorpus], *, batch_sequences: int
) -> ReplayOrder | None:
    """Return the order whose share of replay follows measurements; None where the share stays as it is."""
    if config.retention is None or config.retention.replay is None:
        return None
    sequences, shares, total = _sizes(config, packed, batch_sequences)
    replay = config.retention.replay
    return plan_replay_order(replay, shares, sequences, total=total, batch_sequences=batch_sequences, seed=config.seed)


def _sizes(
    config: ContinuedPretrainConfig, packed: Mapping[str, PackedCorpus], batch_sequences: int
) -> tuple[dict[str, int], dict[str, float], int]:
    """Return the sequences of each corpus, its share by weight, and the sequences of the whole run."""
    length = config.sequence_length
    sequences = {name: corpus.sequences(length) for name, corpus in packed.items()}
    shares = resolve_weights(config.weights, sequences, length=length)
    total = run_sequences(
        shares,
        sequences,
        max_tokens=config.max_tokens,
        epochs=config.epochs,
        length=length,
        step_sequences=batch_sequences,
    )
    return sequences, shares, total
