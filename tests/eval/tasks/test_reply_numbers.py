"""A hundred replies, each with the value a person reads in it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hanhua.eval.tasks.reply_numbers import read_number

REPLIES: list[tuple[str, str | None]] = [
    # plain, at the end, in a sentence
    ("72", "72"),
    ("72.", "72"),
    ("72个。", "72"),
    ("**72**", "72"),
    ("$72$", "72"),
    ("= 72\n", "72"),
    ("一共 18 颗", "18"),
    ("所以她赚了 1,018 美元", "1018"),
    ("先是18，后来是19", "19"),
    ("每天2次，共6次", "6"),
    ("一共3只，共12只", "12"),
    ("不知道", None),
    ("", None),
    ("答案是", None),
    # width and signs
    ("一共 １８ 颗", "18"),
    ("３，０１８", "3018"),
    ("１２．５％", "25/2"),
    ("−7", "-7"),
    ("－7", "-7"),
    ("-3", "-3"),
    ("答案是-3", "-3"),
    ("10−3=7", "7"),
    ("10-3=7", "7"),
    ("零下5度", "-5"),
    ("负3", "-3"),
    ("x = -5", "-5"),
    ("3-5=-2", "-2"),
    # a comma between clauses is no thousands separator
    ("15÷3=5，5人", "5"),
    ("15÷3=5,5人", "5"),
    ("有5，6，7三个数", "7"),
    ("9,500 dollars", "9500"),
    ("1,234,567", "1234567"),
    ("1,2345", "2345"),
    ("$9{,}500", "9500"),
    (r"9\,500", "9500"),
    ("共 10 000 元", "10000"),
    ("12,345.60元", "12345.6"),
    # units, and figures that are part of them
    ("25㎡", "25"),
    ("面积是 25 cm²", "25"),
    ("25cm2", "25"),
    ("体积 8 m³", "8"),
    ("8 m^3", "8"),
    ("3千克", "3"),
    ("5千米", "5"),
    ("CO2 5 kg", "5"),
    ("x1 = 5", "5"),
    ("5百分点", "5"),
    ("1998年8月", "8"),
    # 万, 亿 and their like
    ("1.2万", "12000"),
    ("约 1.2 万元。", "12000"),
    ("2亿", "200000000"),
    ("3万亿", "3000000000000"),
    ("1万2千", "12000"),
    ("3千", "3000"),
    ("1.2 million people", "1200000"),
    ("5 thousand", "5000"),
    ("2.5billion", "2500000000"),
    # money
    ("RMB50", "50"),
    ("US$50", "50"),
    ("¥1,299", "1299"),
    ("￥99", "99"),
    ("€20", "20"),
    ("$18.00", "18"),
    # remarks in brackets
    ("14（见①）", "14"),
    ("答案：72（48+24）", "72"),
    ("一共72个（上月48，本月24）。", "72"),
    ("答案是(72)", "72"),
    ("共8人【见第3页】", "8"),
    # marks of an answer, with more behind
    ("#### 72\nthat is 3 days", "72"),
    (r"\boxed{72} apples in 3 days", "72"),
    ("The answer is 18. He works 5 days", "18"),
    ("The answer is $18.", "18"),
    ("Answer: 5 + 3 = 8", "8"),
    ("答案是72。验算：72-48=24。", "72"),
    ("答案：\n72", "72"),
    ("答：小红有3个，小明有5个，共8个。", "8"),
    ("最终答案：15\n谢谢，还有2道题吗？", "15"),
    ("The final answer is: 42", "42"),
    ("先算答案是5？不对。\n答案是6。", "6"),
    # fractions, powers, percentages
    ("3/4", "3/4"),
    ("1/2 of it", "1/2"),
    (r"\frac{3}{4}", "3/4"),
    (r"\(\boxed{\frac{3}{4}}\)", "3/4"),
    ("2^10", "1024"),
    ("50%", "50"),
    (r"50\%", "50"),
    ("1.5倍", "3/2"),
    ("0.25", "1/4"),
    ("18.0。", "18"),
    # Chinese numerals
    ("答案是七十二", "72"),
    ("所以一共有七十二个苹果，大家一起吃。", "72"),
    ("十二", "12"),
    ("三点五", "7/2"),
    ("两千零八", "2008"),
    ("一万零五百", "10500"),
    ("二分之一", "1/2"),
    ("负三", "-3"),
    ("一九九八年", "1998"),
    ("这十分重要", None),
    ("大家一起吃", None),
    # whole solutions
    ("First, May.\n\nMay: 48/2 = 24.\n\nTogether: 48 + 24 = 72.\n\nThe answer is 72.", "72"),
    ("先求五月。\n\n五月：48÷2=24。\n\n答案是72。", "72"),
    ("Janet sells 16 - 3 - 4 = 9 eggs.\nShe makes 9 * 2 = $18 every day.", "18"),
    ("每人5元，3人共 5×3=15 元。", "15"),
]


def test_there_are_a_hundred() -> None:
    assert len(REPLIES) >= 100 and len({reply for reply, _ in REPLIES}) == len(REPLIES)


@pytest.mark.parametrize(("reply", "value"), REPLIES)
def test_a_reply_is_read_as_a_person_reads_it(reply: str, value: str | None) -> None:
    assert read_number(reply) == (None if value is None else Fraction(value))
