"""Every threshold of the filter, with its source; presets set the defaults, keys override them.

Sources: EvalWeb (ChineseWebText), FineWeb2 (its cmn_Hani configuration), Gopher (Rae et al. 2021), MAP-CC, GPT-3
(Brown et al. 2020), Llama 3 (Grattafiori et al. 2024); "own" means chosen here on law, poetry, classics,
documentation and dialogue, so that none of these is rejected wholesale.
`None` turns a limit off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from hanhua.config_fields import LocalPath, LocalPathOrHub, Section
from hanhua.filtering.decontamination.settings import DecontaminationConfig
from hanhua.filtering.presets import PRESETS
from hanhua.filtering.text_config import JunkConfig, Ratio, TextConfig

CATEGORIES = (
    "pornography",
    "gambling",
    "fraud",
    "illegal_goods",
    "black_market",
    "violence",
    "hate",
    "self_harm",
)
"""Kinds of harmful content. Political speech is not one of them, by decision."""

PII_KINDS = (
    "EMAIL",
    "ID_CARD",
    "MOBILE",
    "BANK_CARD",
    "COMPANY_CODE",
    "TW_ID",
    "HK_ID",
    "PASSPORT",
    "PLATE",
    "PHONE",
    "IP",
    "QQ",
    "WECHAT",
)
"""Kinds of personal data; each is masked by its name in brackets."""


class LanguageConfig(Section):
    """Whether a text is Chinese; ratios are shares of its letters, where four Latin letters count as one character."""

    min_han_ratio: Ratio = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Minimum share of Han among letters (EvalWeb .30; own: documentation with code)",
    )
    max_kana_ratio: Ratio = Field(
        default=0.25, ge=0, le=1, description="Maximum share of kana among letters; above it a text is Japanese (own)"
    )
    ask_model_kana_ratio: Ratio = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Share of kana among letters above which the language identification model is asked",
    )
    max_hangul_ratio: Ratio = Field(
        default=0.25, ge=0, le=1, description="Maximum share of Hangul among letters; above it a text is Korean"
    )
    min_score: Ratio = Field(
        default=None,
        ge=0,
        le=1,
        description="Minimum score of the language identification model for zh, yue or wuu (FineWeb2 .692, by "
        "GlotLID; own: off)",
    )
    scripts: tuple[Literal["hans", "hant", "mixed", "neutral"], ...] = Field(
        default=("hans", "hant", "mixed", "neutral"), description="Scripts that are kept"
    )


class QualityConfig(Section):
    """Limits on what a text consists of; ratios are shares of its characters without spaces, unless stated otherwise.

    Those on words and on whole lines are FineWeb2's, off in `balanced`: they need word segmentation, and reject
    verse, statutes and documentation.
    """

    min_characters: int | None = Field(
        default=20, ge=0, description="Minimum number of letters and digits (MAP-CC 50; own: poems, replies)"
    )
    max_characters: int | None = Field(default=None, ge=1, description="Maximum number of letters and digits")
    max_replacement_ratio: Ratio = Field(
        default=0.002, ge=0, le=1, description="Maximum share of U+FFFD, left by wrong decoding (own)"
    )
    max_mojibake_ratio: Ratio = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Maximum share of characters that are UTF-8 read in another encoding (own)",
    )
    max_symbol_ratio: Ratio = Field(
        default=0.4, ge=0, le=1, description="Maximum share of emoji, dingbats and box drawing (own)"
    )
    max_mark_ratio: Ratio = Field(
        default=0.75, ge=0, le=1, description="Maximum share of symbols and punctuation together (own)"
    )
    max_digit_ratio: Ratio = Field(
        default=0.5, ge=0, le=1, description="Maximum share of digits (MAP-CC .30; own: tables)"
    )
    max_bracket_ratio: Ratio = Field(
        default=0.1, ge=0, le=1, description="Maximum share of 【 and 】, as in titles of shop pages (MAP-CC .1)"
    )
    min_entropy_bits: float | None = Field(
        default=3.0, ge=0, description="Minimum entropy of the first 4,096 characters (MAP-CC 3, of words)"
    )
    max_boilerplate_ratio: Ratio = Field(
        default=0.35, ge=0, le=1, description="Maximum share of letters in navigation labels and links (own)"
    )
    max_boilerplate_line_ratio: Ratio = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Maximum share of lines that are labels or notices: 点击进入, 版权所有 (own)",
    )
    max_list_line_ratio: Ratio = Field(
        default=None,
        ge=0,
        le=1,
        description="Maximum share of lines that begin with a bullet (Gopher .90; own: off, for tables of contents)",
    )
    max_ellipsis_line_ratio: Ratio = Field(
        default=0.7, ge=0, le=1, description="Maximum share of lines that end in … (Gopher .30; own: dialogue)"
    )
    min_punctuated_line_ratio: Ratio = Field(
        default=None,
        ge=0,
        le=1,
        description="Minimum share of lines that end in punctuation (FineWeb2 .106; own: off, for verse)",
    )
    max_newline_ratio: Ratio = Field(
        default=None,
        ge=0,
        le=1,
        description="Maximum number of line breaks per word (FineWeb2 .178; own: off, for verse and code)",
    )
    max_duplicate_line_ratio: Ratio = Field(
        default=0.5, ge=0, le=1, description="Maximum share of characters in repeated lines (own; FineWeb2 .1)"
    )
    max_duplicate_lines_ratio: Ratio = Field(
        default=None, ge=0, le=1, description="Maximum share of lines that repeat an earlier line (FineWeb2 .287)"
    )
    max_repeated_ngram_ratio: Ratio = Field(
        default=0.5, ge=0, le=1, description="Maximum share of repeated 13-grams (EvalWeb .5)"
    )
    max_run_ratio: Ratio = Field(
        default=0.3, ge=0, le=1, description="Maximum share of letters equal to the two before them, 哈哈哈哈 (own)"
    )
    min_words: int | None = Field(
        default=None, ge=0, description="Minimum number of words, punctuation not counted (Gopher 50)"
    )
    max_words: int | None = Field(
        default=None, ge=1, description="Maximum number of words, punctuation not counted (Gopher 100,000)"
    )
    min_mean_word_length: float | None = Field(
        default=None, ge=0, description="Minimum mean of characters per word (FineWeb2 1)"
    )
    max_mean_word_length: float | None = Field(
        default=None, ge=0, description="Maximum mean of characters per word (FineWeb2 5)"
    )
    min_alphabetic_word_ratio: Ratio = Field(
        default=None,
        ge=0,
        le=1,
        description="Minimum share of words with a letter, punctuation counted as words (FineWeb2 .735)",
    )
    min_stop_words: int | None = Field(
        default=None,
        ge=0,
        description="Minimum number of distinct words out of 22 frequent function words (FineWeb2 2)",
    )
    max_top_ngram_ratios: tuple[float, ...] = Field(
        default=(),
        description="Maximum share of characters in the most frequent 2-, 3- and 4-gram of words (FineWeb2 .256 .201 "
        ".171)",
    )
    max_duplicate_ngram_ratios: tuple[float, ...] = Field(
        default=(),
        description="Maximum share of characters in repeated 5- to 10-grams of words (FineWeb2 .198 to .127)",
    )
    model: LocalPath | None = Field(
        default=None, description="Folder of a model made by `hanhua filter train-quality`; null: no model"
    )
    min_model_score: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Minimum probability, by the model, that a document is like its good examples (own)",
    )


class DuplicatesConfig(Section):
    """Which duplicates are dropped; of each cluster the longest text is kept, the first of equally long ones.

    Two texts of similarity s (Jaccard similarity of their shingles) meet in at least one band with probability
    1 - (1 - s^rows)^bands: with the default 28 × 4, .20 at .3, .52 at .4, .84 at .5, .98 at .6; they count as
    duplicates if their signatures also agree in a share of `min_similarity` of their positions, with probability
    .01 at .5, .5 at .6, .99 at .7. With a tenth of the characters changed, s is .42, with a twentieth .63.
    """

    exact: bool = Field(default=True, description="Drop documents with identical text")
    near: bool = Field(
        default=True, description="Drop near-duplicates by MinHash on the folded text (including 繁體 versions)"
    )
    shingle_characters: int = Field(
        default=5, ge=1, le=64, description="Characters per shingle of Chinese text (FineWeb2: 5-grams)"
    )
    shingle_characters_other: int = Field(
        default=24, ge=1, le=64, description="Characters per shingle of other text, about 5 words"
    )
    bands: int = Field(default=28, ge=1, le=256, description="Number of bands of the signature (FineWeb2 14)")
    rows: int = Field(default=4, ge=1, le=64, description="Hashes per band (FineWeb2 8)")
    min_similarity: float = Field(
        default=0.6, ge=0, le=1, description="Share of equal hashes from which two texts are duplicates"
    )
    max_line_documents: int | None = Field(
        default=None,
        ge=1,
        description="Number of documents that may contain a line; beyond it only the first keeps the line (Llama 3: "
        "6); null: off",
    )


class PiiConfig(Section):
    """What happens to personal data."""

    mode: Literal["mask", "drop", "off"] = Field(
        default="mask", description="mask: replace with [MOBILE], [EMAIL], …; drop: drop the document; off: leave as is"
    )
    kinds: tuple[str, ...] = Field(default=PII_KINDS, description="Kinds of personal data that are searched for")

    @model_validator(mode="after")
    def _known(self) -> PiiConfig:
        for kind in self.kinds:
            if kind not in PII_KINDS:
                raise ValueError(f"unknown kind {kind!r}; known: {', '.join(PII_KINDS)}")
        return self


class GuardConfig(Section):
    """A guard model, asked about texts for which the lexicon and the classifiers are uncertain."""

    model: LocalPathOrHub = Field(
        description="Folder or Hub id of a chat guard: Qwen/Qwen3Guard-Gen-0.6B, meta-llama/Llama-Guard-3-8B"
    )
    revision: str | None = Field(default=None, description="Commit of the Hub repository; null: the latest")
    unsafe: str = Field(
        default=r"(?i)\bunsafe\b|\bcontroversial\b", description="Regular expression for an answer that means harmful"
    )
    categories: Mapping[str, str] = Field(
        default={},
        description="Regular expression in the answer → category; default: those of Qwen3Guard and Llama Guard",
    )
    role: Literal["user", "assistant"] = Field(
        default="user", description="Role of the message in which the guard is shown the text"
    )
    min_score: float = Field(default=0.3, ge=0, le=1, description="Score from which the guard is asked")
    max_score: float = Field(default=0.7, ge=0, le=1, description="Score from which the guard is no longer asked")
    max_characters: int = Field(
        default=2000,
        ge=1,
        description="Maximum number of characters shown to the guard; longer texts are shown from the first evidence "
        "on",
    )
    device: str = Field(default="cpu", exclude=True, description="Device of the guard: cpu, cuda, cuda:1, …")

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


class HarmConfig(Section):
    """The harmful-content rule: which layers score a document, and which scores reject it."""

    enabled: bool = Field(default=True, description="Reject harmful Chinese documents")
    min_score: float = Field(default=0.5, ge=0, le=1, description="Score from which a document is rejected")
    categories: tuple[str, ...] | None = Field(default=None, description="Categories that are rejected; null: all")
    lexicon: bool = Field(default=True, description="Match the weighted lexicon")
    lexicon_files: dict[str, LocalPath] = Field(
        default={}, description="Category → file of additional terms; a new name adds a category"
    )
    classifier: bool = Field(default=True, description="Use the classifiers that are part of the package")
    classifiers: tuple[LocalPath, ...] = Field(
        default=(), description="Folders of additional classifiers made by `hanhua filter train-harm`"
    )
    guard: GuardConfig | None = Field(default=None, description="Guard model for uncertain texts; null: none")

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def rejects(self, category: str) -> bool:
        """Return whether documents of a category are rejected."""
        return self.categories is None or category in self.categories

    @model_validator(mode="after")
    def _known(self) -> HarmConfig:
        known = {*CATEGORIES, *self.lexicon_files}
        for category in self.categories or ():
            # The categories of a user's own classifier are known only once it is loaded.
            if category not in known and not self.classifiers:
                raise ValueError(f"unknown category {category!r}; known: {', '.join(sorted(known))}")
        return self


class FilteringConfig(Section):
    """The filtering stage.

    >>> FilteringConfig(preset="none", pii={"mode": "mask"}).harm.enabled
    False
    """

    preset: Literal["balanced", "fineweb2-zh", "none"] = Field(
        default="balanced",
        description="balanced: all rules; fineweb2-zh: FineWeb2's rules for Chinese; none: only split and reject "
        "empty texts",
    )
    heldout_ratio: float = Field(default=0.02, ge=0, le=0.5, description="Share of documents held out for measuring")
    text: TextConfig = Field(default=TextConfig(), description="Clean-up of texts before filtering")
    language: LanguageConfig = Field(default=LanguageConfig(), description="Script and language rules")
    quality: QualityConfig = Field(default=QualityConfig(), description="Quality rules")
    junk: JunkConfig = Field(default=JunkConfig(), description="Junk that crawls bring along")
    duplicates: DuplicatesConfig = Field(default=DuplicatesConfig(), description="Exact and near duplicates")
    decontamination: DecontaminationConfig = Field(default=DecontaminationConfig(), description="Benchmark questions")
    pii: PiiConfig = Field(default=PiiConfig(), description="Personal data")
    harm: HarmConfig = Field(default=HarmConfig(), description="Harmful content")
    samples_per_reason: int = Field(
        default=5,
        ge=0,
        description="Number of example documents per corpus, for each reason of rejection and for those kept",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        exclude=True,
        description="Number of processes; null: one per core, at most 8. Does not change the result",
    )

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, data: Any) -> Any:
        """Fill in the preset's values below the keys that are given."""
        if not isinstance(data, Mapping):
            return data
        merged = dict(data)
        for section, values in PRESETS.get(str(data.get("preset", "balanced")), {}).items():
            given = merged.get(section, {})
            if isinstance(given, Mapping):
                merged[section] = {**values, **given}
        return merged
