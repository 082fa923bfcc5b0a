"""Docs, help texts and the configuration reference use the glossary's terms, and none of the variants it rules out."""

from __future__ import annotations

import pytest
from terms import banned, chinese_of_keys, found_in, help_texts, old_names, pages, prose, rows

from hanhua.pipeline.recipe.reference import reference_markdown

ENGLISH, CHINESE = banned("glossary.md"), banned("glossary.zh-CN.md")


@pytest.mark.parametrize(("name", "text"), pages(chinese=False).items(), ids=list(pages(chinese=False)))
def test_an_english_page_uses_the_terms(name: str, text: str) -> None:
    assert not found_in(prose(text), ENGLISH), f"{name}: see docs/glossary.md"


@pytest.mark.parametrize(("name", "text"), pages(chinese=True).items(), ids=list(pages(chinese=True)))
def test_a_chinese_page_uses_the_terms(name: str, text: str) -> None:
    assert not found_in(prose(text), CHINESE), f"{name}: see docs/glossary.zh-CN.md"


@pytest.mark.parametrize("chinese", [False, True])
def test_no_page_says_a_key_or_an_option_by_its_old_name(chinese: bool) -> None:
    found = {name: found_in(text, old_names()) for name, text in pages(chinese=chinese).items()}
    assert not {name: words for name, words in found.items() if words}, "see src/hanhua/renamed.py"


def test_help_texts_use_the_terms() -> None:
    texts = help_texts()
    assert len(texts) > 20 and all(text.strip() for text in texts.values())
    found = {name: found_in(text, {**ENGLISH, **old_names()}) for name, text in texts.items()}
    assert not {name: words for name, words in found.items() if words}


def test_the_configuration_reference_uses_the_terms() -> None:
    assert not found_in(prose(reference_markdown("en")), ENGLISH)
    found = {key: found_in(prose(text), CHINESE) for key, text in chinese_of_keys().items()}
    assert not {key: words for key, words in found.items() if words}


def test_both_glossaries_have_the_same_terms_each_once_with_its_meaning() -> None:
    english = [(term, other) for term, other, _, _ in rows("glossary.md")]
    chinese = [(other, term) for term, other, _, _ in rows("glossary.zh-CN.md")]
    assert sorted(english) == sorted(chinese) and len(english) > 50
    assert len({term for term, _ in english}) == len(english)
    assert all(meaning for page in ("glossary.md", "glossary.zh-CN.md") for _, _, meaning, _ in rows(page))


def test_the_glossaries_rule_out_the_words_that_were_in_use() -> None:
    assert {"reckon*", "stand-in", "behaviour*", "licence*"} <= set(ENGLISH)
    assert {"扩表", "打码", "纳特", "文件夹", "token"} <= set(CHINESE)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("It was reckoned.", "reckon*"),
        ("A stand-in model", "stand-in"),
        ("its\nBehaviour", "behaviour*"),
        ("it stands\nbeside it", "stands beside"),
        ("每个token一行", "token"),
        ("扩表之后", "扩表"),
    ],
)
def test_a_banned_word_is_found(text: str, word: str) -> None:
    assert [line for line in found_in(prose(text), {**ENGLISH, **CHINESE}) if f": {word} in" in line]


@pytest.mark.parametrize(
    "text",
    ["`token` in code", "    indented reckoned\n", "```sh\nhanhua reckon\n```\n", "[a](reckon.md)", "max_tokens"],
)
def test_code_and_targets_of_links_are_left_alone(text: str) -> None:
    assert not found_in(prose(text), {**ENGLISH, **CHINESE})


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("sequence_tokens: 4096", True),
        ("`gradient_accumulation`", True),
        ("gradient_accumulation_steps: 1", False),
        ("trains: rows", True),
        ("it trains rows", False),
        ("-s vocab_extension.prior=0", True),
        ("--beside x=y", True),
        ("restore: {instruct: x}", True),
        ("hanhua restore", False),
    ],
)
def test_old_names_are_told_from_plain_words(text: str, finds: bool) -> None:
    assert bool(found_in(text, old_names())) is finds
