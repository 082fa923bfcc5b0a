import pytest

from hanhua.vocab_extension.learning.token_pattern import Form, LeadingMark, TokenPattern


@pytest.mark.parametrize(
    ("glued", "text", "wanted"),
    [
        ("none", "用户", True),
        ("none", "，用户", False),
        ("extend", "，用户", True),
        ("all", " 用户", True),
        ("all", "「用户", True),
        ("all", "，，用", False),
        ("all", "用户，", False),
        ("all", "a用户", False),
        ("all", "_用户", False),
        ("all", "1用户", False),
        ("all", "\n用户", False),
        ("all", "の用", False),
        ("all", "，", False),
        ("all", "用户名称表", False),
        ("all", "〇々", True),
        ("all", "한국", False),
    ],
)
def test_form_of_a_new_token(glued: LeadingMark, text: str, wanted: bool) -> None:
    assert TokenPattern(4, glued).is_wanted(text.encode()) is wanted


def test_the_beginning_of_han_characters_alone_is_wanted() -> None:
    shape = TokenPattern(4, "all")
    assert shape.is_wanted(b"\xe8\x9d")
    assert shape.is_wanted("𠮷".encode()[:3])
    assert not shape.is_wanted(b"\xe3\x82")  # kana
    assert not shape.is_wanted(b"\xe8")  # one byte begins 4,096 characters; the base has it
    assert not shape.is_wanted("用".encode() + b"\xe8\x9d")
    assert not shape.is_wanted(b"\x9d\xb4")


@pytest.mark.parametrize(
    ("data", "symbol"),
    [
        ("，用户".encode(), Form(True, 2, False, False)),
        ("，".encode(), Form(True, 0, False, False)),
        ("蝴".encode()[:1], Form(False, 0, False, True)),
        ("用蝴".encode()[:-1], Form(False, 1, False, True)),
        ("蝴".encode()[1:], Form(False, 0, True, True)),
        ("蝴用".encode()[1:], Form(False, 1, True, False)),
        ("蝴，".encode()[1:], None),
        ("用，".encode(), None),
        (b"abc", None),
        (b"\xff", None),
        ("一二三四五".encode(), None),
    ],
)
def test_what_a_base_token_is_made_of(data: bytes, symbol: Form | None) -> None:
    assert TokenPattern(4, "all").form_of(data) == symbol


def test_a_bare_mark_may_begin_a_token_only_where_all_are_allowed() -> None:
    assert TokenPattern(4, "all").form_of("，".encode())
    assert TokenPattern(4, "extend").form_of("，".encode()) is None
    assert TokenPattern(4, "extend").form_of("，我".encode())
    assert TokenPattern(4, "none").form_of("，我".encode()) is None
