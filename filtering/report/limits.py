"""Which limit each measure is held against, and what it is called in a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hanhua.filtering.config import FilteringConfig, LanguageConfig, QualityConfig
from hanhua.filtering.text_config import JunkConfig


@dataclass(frozen=True)
class Limit:
    """The limits of one measure, with the description and origin that the configuration gives."""

    low: float | None
    high: float | None
    field: str
    origin: str


# measure → (section, field of the lower limit, field of the upper one, place in a tuple of limits)
_FIELDS: dict[str, tuple[str, str, str, int]] = {
    "encoding.replacement": ("quality", "", "max_replacement_ratio", 0),
    "encoding.mojibake": ("quality", "", "max_mojibake_ratio", 0),
    "language.han": ("language", "min_han_ratio", "", 0),
    "language.score": ("language", "min_score", "", 0),
    "symbols.emoji": ("quality", "", "max_symbol_ratio", 0),
    "symbols.marks": ("quality", "", "max_mark_ratio", 0),
    "symbols.digits": ("quality", "", "max_digit_ratio", 0),
    "symbols.brackets": ("quality", "", "max_bracket_ratio", 0),
    "length": ("quality", "min_characters", "max_characters", 0),
    "repetition.runs": ("quality", "", "max_run_ratio", 0),
    "repetition.lines": ("quality", "", "max_duplicate_line_ratio", 0),
    "repetition.ngrams": ("quality", "", "max_repeated_ngram_ratio", 0),
    "entropy": ("quality", "min_entropy_bits", "", 0),
    "lines.lists": ("quality", "", "max_list_line_ratio", 0),
    "lines.ellipses": ("quality", "", "max_ellipsis_line_ratio", 0),
    "lines.said_before": ("quality", "", "max_duplicate_lines_ratio", 0),
    "lines.unpunctuated": ("quality", "min_punctuated_line_ratio", "", 0),
    "words.few": ("quality", "min_words", "", 0),
    "words.many": ("quality", "", "max_words", 0),
    "words.length": ("quality", "min_mean_word_length", "max_mean_word_length", 0),
    "words.alphabetic": ("quality", "min_alphabetic_word_ratio", "", 0),
    "words.stop": ("quality", "min_stop_words", "", 0),
    "words.newlines": ("quality", "", "max_newline_ratio", 0),
    **{f"words.top_{n}": ("quality", "", "max_top_ngram_ratios", n - 2) for n in (2, 3, 4)},
    **{f"words.repeated_{n}": ("quality", "", "max_duplicate_ngram_ratios", n - 5) for n in range(5, 11)},
    "boilerplate": ("quality", "", "max_boilerplate_ratio", 0),
    "boilerplate.lines": ("quality", "", "max_boilerplate_line_ratio", 0),
    "junk.time_codes": ("junk", "", "max_time_code_line_ratio", 0),
    "junk.single_characters": ("junk", "", "max_single_character_line_ratio", 0),
    "junk.components": ("junk", "", "max_component_ratio", 0),
    "junk.markup": ("junk", "", "max_markup_ratio", 0),
    "junk.injected": ("junk", "", "max_injected_names", 0),
    "junk.offers": ("junk", "", "max_offer_words", 0),
    "junk.keywords": ("junk", "", "max_keyword_ratio", 0),
    **{f"junk.{kind}": ("junk", "", f"max_{kind}_score", 0) for kind in ("thin", "listing", "promotion", "page")},
    "quality.score": ("quality", "min_model_score", "", 0),
}
_MODELS: dict[str, type[LanguageConfig] | type[QualityConfig] | type[JunkConfig]] = {
    "language": LanguageConfig,
    "quality": QualityConfig,
    "junk": JunkConfig,
}


def limit_of(measure: str, config: FilteringConfig) -> Limit | None:
    """Return the limits of a measure; None for one that is only shown."""
    if measure not in _FIELDS:
        return None
    section, low, high, place = _FIELDS[measure]
    values = getattr(config, section)
    least, most = _value(values, low, place), _value(values, high, place)
    name = low if least is not None or not high else high
    origin = _MODELS[section].model_fields[name].description or ""
    return Limit(least, most, f"{section}.{name}", origin)


def _value(values: Any, field: str, place: int) -> float | None:
    value = getattr(values, field) if field else None
    if isinstance(value, tuple):
        value = value[place] if place < len(value) else None
    return None if value is None else float(value)
