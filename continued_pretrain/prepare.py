"""From a Corpus to the data of a run: what is tokenized, and in which order it is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.mixture import Mixture, resolve_weights, run_sequences
from hanhua.continued_pretrain.pack import PackedCorpus, pack_corpora, token_characters
from hanhua.continued_pretrain.phases import order_phases
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.model_folder import check_sizes


def prepare_data(
    config: ContinuedPretrainConfig, corpus: Artifact, model: Path, work: Path, *, batch_sequences: int
) -> TrainingData:
    """Tokenize what the run needs of a Corpus with the model's tokenizer and decide the order."""
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
    )
    rows = check_sizes(model, first_new_id=None)
    order = plan_mixture(config, packed, batch_sequences=batch_sequences)
    return TrainingData(packed, order, token_characters(model, rows=rows), config.sequence_length)


def _enough_tokens(config: ContinuedPretrainConfig) -> dict[str, int] | None:
    """Return what each corpus needs at most; None takes all of it."""
    if config.max_tokens is None or not config.weights or any(phase.weights for phase in config.phases):
        return None
    # Two sequences more than its share, so that cutting to whole ones leaves enough.
    per_weight = config.max_tokens / sum(config.weights.values())
    return {n: int(w * per_weight) + 2 * config.sequence_length for n, w in config.weights.items()}


def plan_mixture(
    config: ContinuedPretrainConfig, packed: Mapping[str, PackedCorpus], *, batch_sequences: int
) -> Mixture:
    """Return the order of the whole run."""
    length = config.sequence_length
    sequences = {name: corpus.sequences(length) for name, corpus in packed.items()}
    total = run_sequences(
        resolve_weights(config.weights, sequences, length=length),
        sequences,
        max_tokens=config.max_tokens,
        epochs=config.epochs,
        length=length,
        step_sequences=batch_sequences,
    )
    return order_phases(config, sequences, steps=total // batch_sequences, batch_sequences=batch_sequences)
