"""Mobile numbers in Chinese numerals, as those write them who hide them: 一三八零零…, 幺三八洞洞…, ①③⑧…."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanhua.filtering.pii.context import is_arithmetic, is_called_phone, is_quantity
from hanhua.filtering.pii.found import Found, is_called_otherwise

# 洞幺两拐 are what radio operators say for 0127.
_NUMERALS = (
    "0零〇○Ｏ洞⓪⓿", "1一壹幺么①⑴⒈❶", "2二贰貳两②⑵⒉❷", "3三叁參③⑶⒊❸", "4四肆④⑷⒋❹",
    "5五伍⑤⑸⒌❺", "6六陆陸⑥⑹⒍❻", "7七柒拐⑦⑺⒎❼", "8八捌⑧⑻⒏❽", "9九玖⑨⑼⒐❾",
)  # fmt: skip
NUMERALS = "".join(_NUMERALS)
"""Of eleven of them a number is made, with a mark between two at most."""
_GAP = "[ \u3000\\-.、·]?"
# Begins with a set of characters, not with a look behind it: so it is found, or not, in a fraction of the time.
_SPELLED = re.compile(
    f"[{_NUMERALS[1]}]{_GAP}[{''.join(_NUMERALS[3:])}](?:{_GAP}[{NUMERALS}]){{9}}(?!{_GAP}[{NUMERALS}十百千万亿])"
)
_GOES_ON_BEFORE = re.compile(f"[{NUMERALS}]{_GAP}$")


def find_spelled(text: str) -> Iterator[Found]:
    """Yield the mobile numbers of which a digit at least is a Chinese or a circled numeral.

    Marks between all of them (一、三、五…) make an enumeration, unless it is called a phone.
    """
    for match in _SPELLED.finditer(text):
        start, end = match.span()
        if match[0].isascii() or _GOES_ON_BEFORE.search(text[max(0, start - 2) : start]):
            continue
        if is_called_otherwise(text, start):
            continue
        listed = "、" in match[0] or is_arithmetic(text, start, end) or is_quantity(text, start, end)
        if is_called_phone(text, start) or not listed:
            yield Found(start, end, "MOBILE")
