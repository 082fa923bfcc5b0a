from __future__ import annotations

from hanhua.tables import columns_of, table_text


def test_chinese_takes_two_columns() -> None:
    assert columns_of("汉化 ok") == 7
    lines = table_text(("名", "n"), [("汉化", "1"), ("x", "20")]).split("\n")
    assert lines[2] == "汉化   1"
    assert lines[3] == "x     20"


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    text = table_text(("word", "count"), [("a", "1,000"), ("bb", "−3")])
    assert text.split("\n")[-1] == "bb       −3"
