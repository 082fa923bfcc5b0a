"""What the stage `vocab_extension` can be told: how to learn new tokens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hanhua.config_fields import LATER

ROUND_TO = 256
WordList = Literal["jieba", "jieba-tw", "deepseek", "deepseek-tw", "qwen", "qwen-tw", "llama4", "llama4-tw"]


class VocabExtensionConfig(BaseModel):
    """How many tokens to learn, from what, and which strings may become one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    new_tokens: int = Field(
        default=8000,
        ge=ROUND_TO,
        description="Tokens to add; rounded down so that the whole vocabulary is a multiple of 256 (8,000 → 7,936)",
    )
    corpora: tuple[str, ...] | None = Field(
        default=None, description="Names of the corpora to learn from; null: every corpus whose language is zh"
    )
    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="How much an occurrence counts by corpus, where 1 is usual: {news: 2.0}"
    )
    max_characters: dict[str, Annotated[int, Field(gt=0)]] = Field(
        default_factory=dict, description="How many characters of a corpus are read at most: {forum: 20000000}"
    )
    balance: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="How far corpora of unequal size are evened out: 0, every character counts alike; 1, every corpus",
    )
    source_exponent: Annotated[float, LATER] = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Below 1, a string that several corpora have counts more than one that a single corpus has as "
        "often: each counts with its rate of it to this power. Better for other kinds of text, worse for these",
    )
    dictionary_weight: float = Field(
        default=0.94,
        ge=0,
        le=100,
        description="Weight of the word lists relative to the corpus, which is 1: general Chinese for a narrow corpus. "
        "0: the corpus alone",
    )
    word_lists: dict[WordList, Annotated[float, Field(gt=0)]] = Field(
        default={"jieba": 0.3, "deepseek": 0.6, "deepseek-tw": 0.04},
        description="The lists and their shares: jieba's dictionary, and the vocabularies of open tokenizers by their "
        "order; NAME-tw is a list written in Traditional as in Taiwan. Before 2026-11-28 it was jieba's alone, at a "
        "dictionary_weight of 0.6",
    )
    space_prefixed_words: float = Field(
        default=0.25,
        ge=0,
        le=100,
        description="What a dictionary word weighs behind a space (` 用户名`), where it weighs 1 alone; counted where "
        "the base takes the space and the first character as one token, so that the bare word's token cannot stand. "
        "0: only what the corpus holds",
    )
    merge_scope: Literal["runs", "words", "hybrid"] = Field(
        default="runs",
        description="What joins count. runs: neighbors anywhere in a run of text. words: inside words alone. "
        "hybrid: a pair across two words counts half",
    )
    scripts: Literal["as-is", "hans", "hant-tw", "hant-hk", "both"] = Field(
        default="as-is",
        description="as-is: what the corpora hold. hans, hant-tw, hant-hk: converted by OpenCC to Simplified, or to "
        "Traditional as in Taiwan or Hong Kong. both: as they are and in the other script",
    )
    required_characters: tuple[Literal["gb2312-1", "gb2312", "big5-1", "hongkong"], ...] = Field(
        default=(), description="Sets of characters each of which gets a token of its own, before any other"
    )
    min_count: int = Field(default=3, ge=2, description="A new token must have been met this often")
    min_documents: int = Field(
        default=2,
        ge=1,
        le=32,
        description="… in this many different documents, so that one odd page cannot buy a token",
    )
    max_token_characters: int = Field(
        default=4, ge=1, le=16, description="Longest new token in Han characters; longer ones are phrases of one corpus"
    )
    max_straddling: float | None = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Greatest share of occurrences that begin or end inside one word and reach into another (户名称 of "
        "用户名称); null: any",
    )
    leading_mark: Literal["none", "extend", "all"] = Field(
        default="all",
        description="Llama 3 cuts a text so that a space or mark stays with the Han run after it. 'all': a new token "
        "may begin with one (`，我们`); 'extend': only where a base token already does; 'none': Han only",
    )
    max_strings: int = Field(
        default=4_000_000,
        ge=1000,
        description="Different strings learned from; beyond, a sample of the rare ones stands for the rest (memory)",
    )
