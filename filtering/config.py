"""Every threshold of the filter, with where it comes from; presets set the defaults, keys override them.

Sources: EvalWeb (ChineseWebText), FineWeb2 (its cmn_Hani configuration), Gopher (Rae et al. 2021), MAP-CC, GPT-3
(Brown et al. 2020), Llama 3 (Grattafiori et al. 2024); "own" means chosen here on law, poetry, classics,
documentation and dialogue, so that none of them is thrown out wholesale.
`None` turns a limit off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hanhua.config_fields import LocalPath, LocalPathOrHub
from hanhua.filtering.presets import PRESETS

Ratio = float | None

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


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextConfig(_Section):
    """What is changed in a text before it is judged."""

    convert: Literal["t2s", "s2t", "s2tw", "s2twp", "s2hk"] | None = Field(
        default=None, description="OpenCC conversion of Chinese texts, phrase by phrase; off: texts stay as they are"
    )
    repair_mojibake: bool = Field(
        default=True, description="Undo UTF-8 or GBK read in the wrong encoding, where it is certain (Chinese only)"
    )
    clean: bool = Field(
        default=True, description="Drop control, private-use and invisible characters; \\r\\n becomes \\n"
    )
    join_hard_wraps: bool = Field(default=True, description="Join Chinese lines that were broken at a fixed width")


class LanguageConfig(_Section):
    """Whether a text is Chinese; ratios are of letters, where four Latin letters count as one character."""

    min_han_ratio: Ratio = Field(
        default=0.15, ge=0, le=1, description="Han among letters (EvalWeb .30; own: docs with code)"
    )
    max_kana_ratio: Ratio = Field(
        default=0.25, ge=0, le=1, description="Kana among letters, above which it is Japanese (own)"
    )
    ask_model_kana_ratio: Ratio = Field(
        default=0.02, ge=0, le=1, description="Kana above which the language model is asked"
    )
    max_hangul_ratio: Ratio = Field(
        default=0.25, ge=0, le=1, description="Hangul among letters, above which it is Korean"
    )
    min_score: Ratio = Field(
        default=None, ge=0, le=1, description="Of the model for zh, yue or wuu (FineWeb2 .692, by GlotLID; own: off)"
    )
    scripts: tuple[Literal["hans", "hant", "mixed", "neutral"], ...] = Field(
        default=("hans", "hant", "mixed", "neutral"), description="Scripts that are kept"
    )


class QualityConfig(_Section):
    """Limits on what a text is made of; ratios are of its characters without spaces, unless said.

    Those of words and of whole lines are FineWeb2's, off in `balanced`: they cost a segmentation, and throw out
    verse, statutes and documentation.
    """

    min_characters: int | None = Field(
        default=20, ge=0, description="Letters and digits (MAP-CC 50; own: poems, replies)"
    )
    max_characters: int | None = Field(default=None, ge=1, description="Letters and digits")
    max_replacement_ratio: Ratio = Field(
        default=0.002, ge=0, le=1, description="U+FFFD, left by a wrong decoding (own)"
    )
    max_mojibake_ratio: Ratio = Field(
        default=0.02, ge=0, le=1, description="Characters of UTF-8 read as another code (own)"
    )
    max_symbol_ratio: Ratio = Field(default=0.4, ge=0, le=1, description="Emoji, dingbats, box drawing (own)")
    max_mark_ratio: Ratio = Field(default=0.75, ge=0, le=1, description="Symbols and punctuation together (own)")
    max_digit_ratio: Ratio = Field(default=0.5, ge=0, le=1, description="Digits (MAP-CC .30; own: tables)")
    max_bracket_ratio: Ratio = Field(
        default=0.1, ge=0, le=1, description="【 and 】, around titles of shops (MAP-CC .1)"
    )
    min_entropy_bits: float | None = Field(
        default=3.0, ge=0, description="Entropy of the first 4,096 characters (MAP-CC 3, of words)"
    )
    max_boilerplate_ratio: Ratio = Field(
        default=0.35, ge=0, le=1, description="Letters in navigation labels and links (own)"
    )
    max_boilerplate_line_ratio: Ratio = Field(
        default=0.6, ge=0, le=1, description="Lines that are labels and notices: 点击进入, 版权所有 (own)"
    )
    max_list_line_ratio: Ratio = Field(
        default=None,
        ge=0,
        le=1,
        description="Lines that begin with a bullet (Gopher .90; own: off, tables of contents)",
    )
    max_ellipsis_line_ratio: Ratio = Field(
        default=0.7, ge=0, le=1, description="Lines that end in … (Gopher .30; own: dialogue)"
    )
    min_punctuated_line_ratio: Ratio = Field(
        default=None, ge=0, le=1, description="Lines that end in punctuation (FineWeb2 .106; own: off, verse)"
    )
    max_newline_ratio: Ratio = Field(
        default=None, ge=0, le=1, description="Line breaks a word (FineWeb2 .178; own: off, verse and code)"
    )
    max_duplicate_line_ratio: Ratio = Field(
        default=0.5, ge=0, le=1, description="Characters in repeated lines (own; FineWeb2 .1)"
    )
    max_duplicate_lines_ratio: Ratio = Field(
        default=None, ge=0, le=1, description="Lines said before, by number (FineWeb2 .287)"
    )
    max_repeated_ngram_ratio: Ratio = Field(default=0.5, ge=0, le=1, description="Repeated 13-grams (EvalWeb .5)")
    max_run_ratio: Ratio = Field(
        default=0.3, ge=0, le=1, description="Letters equal to the two before them, 哈哈哈哈 (own)"
    )
    min_words: int | None = Field(default=None, ge=0, description="Words that are no marks (Gopher 50)")
    max_words: int | None = Field(default=None, ge=1, description="Words that are no marks (Gopher 100,000)")
    min_mean_word_length: float | None = Field(default=None, ge=0, description="Characters a word (FineWeb2 1)")
    max_mean_word_length: float | None = Field(default=None, ge=0, description="Characters a word (FineWeb2 5)")
    min_alphabetic_word_ratio: Ratio = Field(
        default=None, ge=0, le=1, description="Words with a letter, marks counting as words (FineWeb2 .735)"
    )
    min_stop_words: int | None = Field(
        default=None, ge=0, description="Different ones of 22 frequent function words (FineWeb2 2)"
    )
    max_top_ngram_ratios: tuple[float, ...] = Field(
        default=(), description="Characters in the most frequent 2-, 3-, 4-gram of words (FineWeb2 .256 .201 .171)"
    )
    max_duplicate_ngram_ratios: tuple[float, ...] = Field(
        default=(), description="Characters in repeated 5- to 10-grams of words (FineWeb2 .198 to .127)"
    )
    model: LocalPath | None = Field(
        default=None, description="Folder made by `hanhua filter train-quality`; null: none"
    )
    min_model_score: float = Field(
        default=0.5, ge=0, le=1, description="Least probability, by the model, of being like its good documents (own)"
    )


class DuplicatesConfig(_Section):
    """Which copies are dropped; of each cluster the longest text is kept, the first among those equally long.

    Two texts of similarity s (Jaccard, of their shingles) meet in at least one band with probability
    1 - (1 - s^rows)^bands: with the default 28 × 4, .20 at .3, .52 at .4, .84 at .5, .98 at .6; they count as
    copies if also their signatures agree in `min_similarity` of their places, which is that sharp: .5 at .6,
    .01 at .5, .99 at .7. A tenth of the characters changed leaves .42, a twentieth .63.
    """

    exact: bool = Field(default=True, description="Drop documents whose text is the same")
    near: bool = Field(default=True, description="Drop near copies by MinHash on the folded text (twins in 繁體 too)")
    shingle_characters: int = Field(
        default=5, ge=1, le=64, description="Characters a shingle of Chinese (FineWeb2: 5-grams)"
    )
    shingle_characters_other: int = Field(
        default=24, ge=1, le=64, description="Characters a shingle of other text, 5 words"
    )
    bands: int = Field(default=28, ge=1, le=256, description="Bands of the signature (FineWeb2 14)")
    rows: int = Field(default=4, ge=1, le=64, description="Hashes a band (FineWeb2 8)")
    min_similarity: float = Field(
        default=0.6, ge=0, le=1, description="Share of equal hashes that makes two texts copies"
    )
    max_line_documents: int | None = Field(
        default=None, ge=1, description="Documents a line may stand in before only the first keeps it (Llama 3: 6)"
    )


class DecontaminationConfig(_Section):
    """Benchmarks whose questions must not be trained on."""

    benchmarks: tuple[LocalPath, ...] = Field(
        default=(), description="Files or folders of questions; in a recipe, those of its evaluation by default"
    )
    min_overlap: float = Field(
        default=0.5, gt=0, le=1, description="Share of a question's 13-character shingles that a document holds (own)"
    )
    min_characters: int = Field(
        default=13,
        ge=5,
        description="Letters of a question with its options; shorter ones are not looked for (GPT-3: 13)",
    )


class PiiConfig(_Section):
    """What happens to personal data."""

    mode: Literal["mask", "drop", "off"] = Field(
        default="mask", description="mask: [MOBILE], [EMAIL] … in its place; drop: the document goes"
    )
    kinds: tuple[str, ...] = Field(default=PII_KINDS, description="Kinds that are looked for")

    @model_validator(mode="after")
    def _known(self) -> PiiConfig:
        for kind in self.kinds:
            if kind not in PII_KINDS:
                raise ValueError(f"unknown kind {kind!r}; known: {', '.join(PII_KINDS)}")
        return self


class GuardConfig(_Section):
    """A guard model, asked about texts that the lexicon and the classifiers leave unsure."""

    model: LocalPathOrHub = Field(
        description="Folder or Hub id of a chat guard: Qwen/Qwen3Guard-Gen-0.6B, meta-llama/Llama-Guard-3-8B"
    )
    revision: str | None = Field(default=None, description="Commit of the Hub repository")
    unsafe: str = Field(
        default=r"(?i)\bunsafe\b|\bcontroversial\b", description="Regular expression: the answer that means harmful"
    )
    categories: Mapping[str, str] = Field(
        default={},
        description="Regular expression in the answer → category; default: those of Qwen3Guard and Llama Guard",
    )
    role: Literal["user", "assistant"] = Field(
        default="user", description="As whose message the text is shown to the guard"
    )
    min_score: float = Field(default=0.3, ge=0, le=1, description="Score from which it is asked")
    max_score: float = Field(default=0.7, ge=0, le=1, description="Score from which it is not asked any more")
    max_characters: int = Field(default=2000, ge=1, description="Longer texts are shown from the first evidence on")
    device: str = Field(default="cpu", exclude=True, description="cpu, cuda, cuda:1, …")

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


class HarmConfig(_Section):
    """The harmful-content rule: which layers judge, and what of it rejects a document."""

    enabled: bool = Field(default=True, description="Reject harmful Chinese documents")
    min_score: float = Field(default=0.5, ge=0, le=1, description="Score from which a document is rejected")
    categories: tuple[str, ...] | None = Field(default=None, description="Categories that are rejected; null: all")
    lexicon: bool = Field(default=True, description="Match the weighted lexicon")
    lexicon_files: dict[str, LocalPath] = Field(
        default={}, description="Category → file of further terms; a new name is a new category"
    )
    classifier: bool = Field(default=True, description="Use the classifiers that come with the package")
    classifiers: tuple[LocalPath, ...] = Field(
        default=(), description="Further folders made by `hanhua filter train-harm`"
    )
    guard: GuardConfig | None = Field(default=None, description="A guard model for what is left unsure")

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def rejects(self, category: str) -> bool:
        """Return whether documents of a category are rejected."""
        return self.categories is None or category in self.categories

    @model_validator(mode="after")
    def _known(self) -> HarmConfig:
        known = {*CATEGORIES, *self.lexicon_files}
        for category in self.categories or ():
            # What a classifier of the user's own tells apart is known when it is read.
            if category not in known and not self.classifiers:
                raise ValueError(f"unknown category {category!r}; known: {', '.join(sorted(known))}")
        return self


class FilteringConfig(_Section):
    """The filtering stage.

    >>> FilteringConfig(preset="none", pii={"mode": "mask"}).harm.enabled
    False
    """

    preset: Literal["balanced", "fineweb2-zh", "none"] = Field(
        default="balanced",
        description="balanced: all rules; fineweb2-zh: as FineWeb2 does Chinese; none: split, reject empty texts",
    )
    heldout_ratio: float = Field(default=0.02, ge=0, le=0.5, description="Share of documents held out, to measure on")
    text: TextConfig = Field(default=TextConfig(), description="Clean-up")
    language: LanguageConfig = Field(default=LanguageConfig(), description="Script and language rules")
    quality: QualityConfig = Field(default=QualityConfig(), description="Quality rules")
    duplicates: DuplicatesConfig = Field(default=DuplicatesConfig(), description="Exact and near duplicates")
    decontamination: DecontaminationConfig = Field(default=DecontaminationConfig(), description="Benchmark questions")
    pii: PiiConfig = Field(default=PiiConfig(), description="Personal data")
    harm: HarmConfig = Field(default=HarmConfig(), description="Harmful content")
    samples_per_reason: int = Field(
        default=5, ge=0, description="Documents shown per reason and corpus, and of those kept"
    )
    workers: int | None = Field(
        default=None, ge=1, exclude=True, description="Processes; None: one a core, at most 8. Never changes the result"
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
