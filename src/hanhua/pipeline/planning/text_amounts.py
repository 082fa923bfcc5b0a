"""How much text a recipe reads and trains on: bytes of its corpora, tokens, and passes over each.

Nothing is read but the sizes of files, and no network is used.
"""

from __future__ import annotations

from collections.abc import Mapping

from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.documents.compression import COMPRESSIONS
from hanhua.documents.readers import is_remote
from hanhua.documents.sources import CorpusConfig
from hanhua.pipeline.planning.advice import BASE_BYTES_PER_TOKEN, GAIN
from hanhua.pipeline.recipe.schema import Recipe

BYTES_PER_DOCUMENT = 3000
"""Assumed of a Hub set's documents: FineWeb-2's Chinese and FineWeb-Edu pages are of this order."""
BYTES_PER_TOKEN = {"zh": BASE_BYTES_PER_TOKEN, "en": 4.3, "other": 3.5}
"""Of Llama 3's tokenizer; English from docs/results/2026-11-23-quickstart-on-real-text.md."""
CHINESE_OF_VOCABULARY = {
    49_152: 0.541, 128_256: 1.084, 129_280: 1.429, 131_072: 0.987, 151_851: 1.299, 202_048: 1.277,
}  # fmt: skip
"""Characters of Chinese per token by the base's number of tokens: SmolLM2, Llama 3, DeepSeek, Tekken, Qwen, Llama 4.

Held-out text of the quickstart (docs/results/2026-11-28-bases.md).
"""
MOST_PADDING = 1024
"""Rows by which models are padded beyond their tokenizer; Qwen's by up to 213."""


def corpus_bytes(corpus: CorpusConfig) -> float | None:
    """Return the bytes of text a corpus will be read from; None for a whole Hub set, whose size is not known here."""
    if is_remote(corpus.path):
        return None if corpus.max_documents is None else float(corpus.max_documents * BYTES_PER_DOCUMENT)
    # Compressed text is about a third of itself.
    packed = (*COMPRESSIONS, ".zip", ".parquet")
    sizes = [path.stat().st_size * (3 if path.suffix in packed else 1) for path in corpus.files()]
    total = float(sum(sizes))
    return total if corpus.max_documents is None else min(total, corpus.max_documents * BYTES_PER_DOCUMENT)


def chinese_bytes_per_token(shape: ModelShape | None) -> float:
    """Return about how many bytes of Chinese text the base's tokenizer has per token; Llama 3's where it is unknown."""
    rows = 128_256 if shape is None else shape.vocab_size
    known = [tokens for tokens in CHINESE_OF_VOCABULARY if 0 <= rows - tokens < MOST_PADDING]
    tokens = max(known, default=128_256)
    return BASE_BYTES_PER_TOKEN * CHINESE_OF_VOCABULARY[tokens] / CHINESE_OF_VOCABULARY[128_256]


def training_tokens(
    recipe: Recipe, text_bytes: Mapping[str, float | None], per_token: Mapping[str, float]
) -> int | None:
    """Return the tokens a run trains on: `max_tokens`, or `epochs` over the corpus of the largest weight.

    per_token: bytes of text per token of the base, by language.
    """
    config = recipe.continued_pretrain
    if config is None:
        return None
    if config.max_tokens is not None:
        return config.max_tokens
    weights = _mixture(recipe)
    largest = max(weights, key=lambda name: weights[name])
    size = text_bytes.get(largest)
    if size is None:
        return None
    tokens = size / per_token[recipe.corpora[largest].language] / extended_gain(recipe)
    return int(config.epochs * tokens * sum(weights.values()) / weights[largest])


def passes_over(
    recipe: Recipe, text_bytes: Mapping[str, float | None], tokens: int | None, per_token: Mapping[str, float]
) -> dict[str, float]:
    """Return the number of passes of training over each corpus of known size."""
    if recipe.continued_pretrain is None or tokens is None:
        return {}
    weights = _mixture(recipe)
    whole = sum(weights.values())
    found = {}
    for name, size in text_bytes.items():
        corpus = recipe.corpora[name]
        gain = extended_gain(recipe) if corpus.language == "zh" else 1.0
        if size and whole:
            found[name] = tokens * weights.get(name, 0.0) / whole * per_token[corpus.language] * gain / size
    return found


def _mixture(recipe: Recipe) -> Mapping[str, float]:
    """Return the weight of each corpus in training."""
    given = {} if recipe.continued_pretrain is None else recipe.continued_pretrain.weights
    return given or {name: corpus.weight for name, corpus in recipe.corpora.items()}


def new_rows(recipe: Recipe) -> int:
    """Return the rows an extension adds, rounded down as learning rounds."""
    return 0 if recipe.vocab_extension is None else recipe.vocab_extension.new_tokens // 256 * 256


def extended_gain(recipe: Recipe) -> float:
    """Return the approximate ratio of Chinese characters per token, extended vocabulary to base."""
    sizes = [size for size in GAIN if size <= new_rows(recipe)]
    return GAIN[max(sizes)] if sizes else 1.0
