"""Config keys and values that were called something else in earlier versions.

A recipe that says an old one is told the new one; a finished artifact that was made under old ones is recognized.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hanhua.config_fields import At

SECTIONS = {"initialise": "resize", "restore": "chat_vector"}
"""Stages, and their sections of a recipe."""

_TRAINING = {
    "sequence_tokens": "sequence_length",
    "micro_batch_sequences": "micro_batch_size",
    "gradient_accumulation": "gradient_accumulation_steps",
    "rows_learning_rate": "embedding_learning_rate",
    "trains": "trainable",
    "keep_checkpoints": "save_total_limit",
    "checkpoint_every_steps": "save_steps",
    "max_loss_jump": "loss_spike_threshold",
    "quantise": "quantize",
}
_VOCABULARY = {
    "spaced_words": "space_prefixed_words",
    "prior": "dictionary_weight",
    "evidence": "merge_scope",
    "glued": "leading_mark",
    "cover": "required_characters",
}
_BY_SECTION: dict[At, dict[str, str]] = {
    (): SECTIONS,
    ("base",): {"stand_in": "toy"},
    ("base", "toy"): {"sequence_tokens": "sequence_length", "batch_sequences": "batch_size"},
    ("vocab_extension",): _VOCABULARY,
    ("continued_pretrain",): _TRAINING,
    ("continued_pretrain", "phases", "*"): _TRAINING,
    ("eval",): {"language_modelling": "language_modeling", "behaviour": "behavior", "beside": "reference_models"},
    ("release",): {"stand_in": "toy", "stand_in_tokenizer": "toy_tokenizer"},
    ("eval", "language_modeling"): {"max_cuts": "max_truncated_prompts"},
}
_VALUES: dict[At, dict[str, str]] = {
    ("continued_pretrain", "trainable"): {"rows": "new_embeddings", "everything": "full"},
    ("continued_pretrain", "phases", "*", "trainable"): {"rows": "new_embeddings"},
}
OPTIONS = {
    "--beside": "--reference",
    "--settings": "--config",
    "--evidence": "--merge-scope",
    "--prior": "--dictionary-weight",
    "--cover": "--required-characters",
    "--spaced-words": "--space-prefixed-words",
    "--behaviour": "--behavior",
}
"""Options of the command lines."""


def key_today(section: Sequence[str], key: str) -> str | None:
    """Return what a key of a section is called today; None when it was never called otherwise.

    >>> key_today(("continued_pretrain",), "sequence_tokens")
    'sequence_length'
    """
    return next((names[key] for at, names in _BY_SECTION.items() if _fits(section, at) and key in names), None)


def value_today(at: Sequence[str], value: Any) -> Any:
    """Return what a value at a place is called today; the value itself when it was never called otherwise."""
    if not isinstance(value, str):
        return value
    return next((names[value] for place, names in _VALUES.items() if _fits(at, place) and value in names), value)


def with_names_of_today(data: Any, at: At = ()) -> Any:
    """Return a config's data with every old key and value by its present name. at: the section the data is of."""
    if isinstance(data, dict):
        renamed = {key_today(at, key) or key: value for key, value in data.items()}
        return {key: with_names_of_today(value, (*at, key)) for key, value in renamed.items()}
    if isinstance(data, list):
        return [with_names_of_today(value, (*at, str(number))) for number, value in enumerate(data)]
    return value_today(at, data)


def _fits(at: Sequence[str], pattern: At) -> bool:
    now = _place_today(tuple(at))
    return len(now) == len(pattern) and all(p in ("*", step) for step, p in zip(now, pattern, strict=True))


def _place_today(at: At) -> At:
    """Return a place by the present names of its sections: a key may be asked for below an old one too."""
    if at and at[0] in SECTIONS:
        at = (SECTIONS[at[0]], *at[1:])
    renamed: dict[At, str] = {("base", "stand_in"): "toy", ("eval", "language_modelling"): "language_modeling"}
    return (at[0], renamed[at[:2]], *at[2:]) if at[:2] in renamed else at
