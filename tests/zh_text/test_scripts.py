from __future__ import annotations

import unicodedata

import pytest

from hanhua.zh_text.scripts import chinese_script, han_runs, is_han, script_shares


@pytest.mark.parametrize("text", ["汉", "漢化", "㐀", "𠮷", "〇", "々", "\uf900", "\ufad9"])
def test_han_characters_of_every_block_are_han(text: str) -> None:
    assert is_han(text)


@pytest.mark.parametrize("text", ["", "한국", "かな", "カ", "a", "，", "　", "汉a", "\ue000", "①", "ㄅ"])
def test_everything_else_is_not(text: str) -> None:
    assert not is_han(text)


def test_han_means_what_unicode_calls_an_ideograph() -> None:
    for code in range(0x3000, 0x30000):
        name = unicodedata.name(chr(code), "")
        if name.startswith(("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH")):
            assert is_han(chr(code)), hex(code)
        elif name:
            assert not is_han(chr(code)) or chr(code) in "〇々", (hex(code), name)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("这个软件的质量", "hans"),
        ("這個軟體的品質", "hant"),
        ("早上好", "neutral"),
        ("hello", "none"),
        ("", "none"),
        ("这个软件 這個軟體", "mixed"),
        ("嘅咗喺哋", "neutral"),
        ("说皇后与乾隆的著作", "hans"),
        ("說台北的雲", "hant"),
        ("户温脱税卧兑悦葱蜕恒", "neutral"),  # Hong Kong writes them too
        ("溫室氣體與賬户，脱離税務", "hant"),
        ("这个账户的说明", "hans"),
        ("衞生與敍述", "hant"),
        ("衞敍枱衹", "hant"),
        ("说乾坤的著作", "hans"),
    ],
)
def test_simplified_or_traditional(text: str, script: str) -> None:
    assert chinese_script(text) == script


def test_shares_add_up() -> None:
    shares = script_shares("这是English、ひら 한글")
    assert shares.letters == 13
    assert shares.han + shares.kana + shares.hangul + shares.latin + shares.cyrillic == pytest.approx(1)
    assert script_shares("123，。").letters == 0


def test_runs_are_cut_by_anything_else() -> None:
    assert han_runs("用户name，你好") == ["用户", "你好"]
