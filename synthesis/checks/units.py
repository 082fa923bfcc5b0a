"""What a number counts: units that are no other's, so that ten days are not the source's ten months."""

from __future__ import annotations

import re

OTHER = "other"
"""A classifier (个, 位, 座 …); they stand for one another."""

_CLASSES = {
    "year": "年|周年|个年头",
    "month": "个?月",
    "day": "天|日|昼夜",
    "week": "个?星期|周(?!年)|个?礼拜",
    "hour": "个?小时|个?钟头|个钟|点(?!个|点)|时(?!候|代|期)",
    "minute": "分钟|分(?![之米贝数子部])",
    "second": "秒",
    "kilometer": "公里|千米|km",
    "meter": "米|公尺|m(?![a-zA-Z])",
    "centimeter": "厘米|公分|cm",
    "millimeter": "毫米|公厘|mm",
    "mile": "英里",
    "kilogram": "公斤|千克|kg",
    "gram": "克(?!服|制)|g(?![a-zA-Z])",
    "ton": "吨|公吨",
    "jin": "斤(?!斤)",
    "liter": "升(?!级|高|至|到)|公升",
    "yuan": "元|块(?:钱)?(?!地|石|田|砖|板|布|玻)|圆",
    "degree": "度|℃|摄氏度?|°",
    "years old": "岁",
    "times as much": "倍",
    "grade": "级",
    "times": "次|回(?!来|到|去)|遍|趟",
    "mu": "亩",
    "square meter": "平方米|平米|平方公尺|㎡",
    "cubic meter": "立方米|立方公尺|方(?!面|法|向|案|式)",
}
_PATTERNS = {name: re.compile(rf"\s?(?:{pattern})") for name, pattern in _CLASSES.items()}
_CLASSIFIER = re.compile(
    r"\s?(?:个|位|名|人|只|条|头|匹|台|辆|艘|架|座|栋|间|层|所|家|处|项|种|类|件|份|张|页|册|本|部|篇|道|门|支|根|棵|株|颗|粒|片|幅|套|组|队"
    r"|班|场|户|箱|袋|瓶|杯|碗|枚|批|盒|把|口|枝|者)"
)


def unit_behind(text: str) -> str | None:
    """Return what is counted by the text behind a number; OTHER for a classifier, None where it is not known.

    >>> unit_behind("个月"), unit_behind("个国家"), unit_behind("平方米"), unit_behind("，")
    ('month', 'other', 'square meter', None)
    """
    for name, pattern in _PATTERNS.items():
        if pattern.match(text):
            return name
    return OTHER if _CLASSIFIER.match(text) else None
