"""Settings of what is changed in a text, and of the junk that crawls bring along; part of `FilteringConfig`."""

from __future__ import annotations

from pydantic import Field

from hanhua.config_fields import Section
from hanhua.zh_text.conversion import Conversion

Ratio = float | None


class TextConfig(Section):
    """Changes made to a text before it is filtered."""

    convert: Conversion | None = Field(
        default=None,
        description="OpenCC conversion of Chinese texts, phrase by phrase; sentences in Simplified already are left "
        "alone. null: texts are not converted",
    )
    repair_mojibake: bool = Field(
        default=True,
        description="Repair UTF-8 or GBK that was read in the wrong encoding, where that is certain (Chinese only)",
    )
    repair_extraction: bool = Field(
        default=True,
        description="Repair what was left by extraction from PDF and HTML: Kangxi radicals within words become the "
        "characters they stand for, typographic entities (&nbsp; &ldquo;) between Chinese characters their marks",
    )
    clean: bool = Field(
        default=True, description="Remove control, private-use and invisible characters; \\r\\n becomes \\n"
    )
    join_hard_wraps: bool = Field(default=True, description="Join Chinese lines that were wrapped at a fixed width")


class JunkConfig(Section):
    """Limits on what crawls bring along beside texts (Chinese only); all are own, measured on pages and benign corpora.

    Ratios are shares of the characters without spaces, unless stated otherwise.
    """

    max_injected_names: int | None = Field(
        default=2,
        ge=0,
        description="Maximum number of names of gambling or drug sellers with what advertises them: 娱乐城官网 (own)",
    )
    max_keyword_ratio: Ratio = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Maximum share of short phrases in a row that all have a word in common (own)",
    )
    max_markup_ratio: Ratio = Field(
        default=0.3, ge=0, le=1, description="Maximum share of HTML tags, CSS and scripts outside of code blocks (own)"
    )
    max_offer_words: int | None = Field(
        default=2,
        ge=0,
        description="Maximum number of different sales words in a text that offers invoices or certificates (own)",
    )
    max_time_code_line_ratio: Ratio = Field(
        default=0.2, ge=0, le=1, description="Maximum share of lines that hold the time codes of subtitles (own)"
    )
    max_single_character_line_ratio: Ratio = Field(
        default=0.6, ge=0, le=1, description="Maximum share of lines that are one Chinese character (own)"
    )
    max_component_ratio: Ratio = Field(
        default=0.3, ge=0, le=1, description="Maximum share of strokes and components among Chinese characters (own)"
    )
    max_thin_score: Ratio = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Maximum score, by layout and words, of a page with little but a title and labels (own)",
    )
    max_listing_score: Ratio = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Maximum score, by layout and words, of lists of titles and links, teasers and forum shells (own)",
    )
    max_promotion_score: Ratio = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Maximum score, by layout and words, of adverts of products, clinics and schemes (own)",
    )
    max_page_score: Ratio = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Maximum score, by layout, words and n-grams together, of a page as a whole (own)",
    )
