"""What every finder of personal data returns, and what stands around a number that makes it something else."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Words before a number that make it something else. A number of a person needs no such word.
_CALLED_OTHERWISE = re.compile(
    r"(?:订单|訂單|单号|單號|运单|運單|快递|流水|编号|編號|编码|編碼|货号|貨號|批号|批號|型号|型號|凭证|合同|案号|书号|書號|"
    r"ISBN|ISSN|发票|發票|条码|條碼|条形码|條形碼|序列|工单|版本|(?:股票|证券|基金|发票|發票|商品|产品)代[码碼]|IMEI|SN|ID|UUID|No\.?)"
    r"[号號]?[码碼]?\s*(?:[:：=是为為]|\s)*$",
    re.IGNORECASE,
)
_LATIN_BEFORE = re.compile(r"(?:[0-9A-Za-z_]|\d[.．])$")
_CONTACT_BEFORE = re.compile(r"(?:tel|phone|mobile|mob|vx|wx|v|weixin|wechat|q|qq)$", re.IGNORECASE)
WIDE = "".join(map(chr, (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)))) + "＠．－＋"
"""Letters, digits and the marks within numbers in full width; each is 0xFEE0 beyond its narrow form."""
RUN_DIGITS, RUN_MARKS = 5, " \u00a0\u3000-‐–—()（）."
"""So many digits, any two neighbors with at most two of these marks between them, may be a long number."""
BEFORE = 12
"""Characters in front of a number that are looked at."""


@dataclass(frozen=True)
class Found:
    """Personal data at [start, end) of a text."""

    start: int
    end: int
    tag: str


def stands_free(text: str, start: int, end: int) -> bool:
    """Return whether [start, end) is no part of a longer word or number; `tel` and the like may touch it."""
    after = text[end : end + 1]
    if after and after.isascii() and (after.isalnum() or after == "_"):
        return False
    before = text[max(0, start - BEFORE) : start]
    return not _LATIN_BEFORE.search(before) or bool(_CONTACT_BEFORE.search(before))


def is_called_otherwise(text: str, start: int) -> bool:
    """Return whether the words in front say that a number is of an order, a book, a contract."""
    return _CALLED_OTHERWISE.search(text[max(0, start - BEFORE) : start]) is not None
