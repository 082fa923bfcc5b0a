import pytest

from hanhua.vocab_extension.shape import Glued, TokenShape


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
def test_form_of_a_new_token(glued: Glued, text: str, wanted: bool) -> None:
    assert TokenShape(4, glued).is_wanted(text.encode()) is wanted


def test_part_of_a_character_is_never_wanted() -> None:
    assert not TokenShape(4, "all").is_wanted("用".encode()[:2])


def test_a_bare_mark_may_begin_a_token_only_where_all_are_allowed() -> None:
    assert TokenShape(4, "all").may_be_part("，".encode())
    assert not TokenShape(4, "extend").may_be_part("，".encode())
