"""The numbers of a text: figures and Chinese numerals with 万 and 亿, percent, 成, fractions, English scales."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hanhua.synthesis.checks.numerals import DIGITS, FORMAL, LARGE, NUMERAL, chinese_number

_SCALES = {
    "百": 100, "千": 1000, "万": 10**4, "亿": 10**8, "万亿": 10**12, "兆": 10**12,
    "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "bn": 10**9, "k": 1000,
}  # fmt: skip
_NOT_TENTHS = "员为立本年果长绩熟分功就都效品份因名人套型风天语教像家堆群双对交全"
_FIGURE = re.compile(
    r"(?<![A-Za-z\d.])(?P<negative>(?:(?<![\d%\])）~～至到])-\s?|负|零下|minus )?)[$¥€£]?\s?"
    r"(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?P<part>\.\d+)?(?:/(?P<below>[1-9]\d*)(?![\d/]))?"
    r"(?P<more>多|余|几)?\s?"
    r"(?P<scale>万亿|亿|万|兆(?!瓦|赫|字|帕|焦|伏)|千(?![米克瓦卡赫焦帕字伏])|百(?![分米])"
    r"|(?:trillion|billion|million|thousand|hundred|bn|k)\b)?"
    rf"\s?(?P<percent>%|percent|per cent|个百分点|‰|成(?![{_NOT_TENTHS}]))?",
    re.IGNORECASE,
)
_PARTS_OF = re.compile(
    rf"(?P<below>[{NUMERAL}]+|\d+)分之(?P<above>[{NUMERAL}]+(?:点[零〇一二三四五六七八九]+)?|\d+(?:\.\d+)?)"
)
_SHORT_FORM = re.compile(
    rf"(?P<a>\d+|[{NUMERAL}]+)[米块](?P<b>[1-9]\d?|[一二三四五六七八九]{{1,2}})(?![\d{NUMERAL}角分毫厘元块年月日个只%])"
)
_HALF = re.compile(r"一半|半数|对半(?!开玩)|\bhalf\b|减半")
_NUMERAL = re.compile(
    rf"(?P<negative>负|零下)?(?P<number>[{NUMERAL}]+(?:点(?![{NUMERAL}]{{1,3}}[分刻])[零〇一二三四五六七八九]+[万亿]?)?|[{FORMAL}万亿零]{{2,}})"
    rf"(?P<more>多|余|几)?(?P<scale>万|亿)?(?P<tenths>成(?:半|[一二三四五六七八九])?(?![{_NOT_TENTHS}])|个百分点)?"
)
_MEASURES = (
    "年|个?月|日|天|周|星期|个?小时|时|分|秒|世纪|岁|届|期|次|回|遍|趟|场|轮|倍|折|元|块|美元|欧元|港元|日元|人|名|位|个|只|条|头|匹"
    "|台|辆|艘|架|座|栋|间|层|所|家|处|项|种|类|件|份|张|页|册|本|部|篇|章|段|句|字|行|列|道|题|米|公里|千米|里|厘米|毫米|尺|寸|丈|亩"
    "|公顷|平方|立方|升|毫升|斤|公斤|克|千克|吨|度|摄氏|瓦|伏|安培|赫|省|市|县|区|州|镇|村|门|支|根|棵|株|颗|粒|片|幅|套|组|队|班|级"
    "|号|圈|环|口|户|箱|袋|瓶|杯|碗|枚|批|卷|集|季度|阶段|方面|学期|者|步|点|样|英里|英尺|英寸|英镑|盎司|年级|色|章|节|枝|把|滴|声|族"
    "|窝|胎|茬|首|幕|束|串|筒|罐|管|针|剂|帖|味|餐|顿|夜|晚|载|旬|锅|炉|笼|板|勺|匙|排|垄|格|档|票|席|成|架次|艘次|车间|线|地|国(?!演|志|时|鼎|策)|大洲|洲|代|股|桶|筐|盒|盏|面|道|封|笔|杆|盘|发"
)
MEASURE = re.compile(_MEASURES)
_UNITS_OF_ONE = re.compile(
    r"年(?!四季|一度|到头|之计|生|级)|个月|个?小时|分钟|天(?!到晚|天)|周(?!围)|公里|公斤|千克|吨|倍|个世纪|世纪"
)
_IDIOMS = re.compile(
    "千万(?=别|不|要|注意|小心|记)|万一|(?<![零一二三四五六七八九])十分(?!钟|之)|千家万户|三天两头|成千上万|千千万万|百分百|四舍五入|五花八门|七上八下|三番五次|"
    "千方百计|万无一失|乱七八糟|一五一十|三三两两|一分为二|四通八达|五颜六色|十全十美|两全其美|三言两语|独一无二|数一数二|一心一意|"
    "三心二意|千变万化|千差万别|九牛一毛|百里挑一|一年四季|一年到头|四面八方|五湖四海|三角|千里迢迢|万里长城|半斤八两|七嘴八舌|"
    "一石二鸟|一箭双雕|一模一样|一朝一夕|三百六十行|十有八九|十之八九|一成不变|万分|百万富翁|两面|一面|四面|四壁|四周|四边形|五角星|九州|"
    "三国演义|三国时|三国志|五一|十一黄金周|九龙|八达岭|十字|千禧|百科|五谷|六神|七夕|一方面|一般|一些|一定|一样|一直|一起|一旦|万万"
)
_HEDGES = re.compile(
    r"(?:约|大约|近|将近|接近|逾|超过|超|不到|不足|大概|几乎|差不多|about|nearly|over|almost|some)\s?$"
)
_HEDGES_AFTER = re.compile(r"(?:多|余|左右|上下|以上|以内|出头)")
_NAME_WITH_FIGURES = re.compile(
    r"(?<![A-Za-z\d])(?:[A-Za-z]+(?:[-‐][A-Za-z]*)?\d[A-Za-z\d]*(?:[-.]\d[A-Za-z\d]*)*|\d+[GDKBX](?![A-Za-z\d])(?!B))"
)


@dataclass(frozen=True)
class Quantity:
    """A number in a text. start, end: its characters. counted: up to four characters behind it.

    hedged: whether it is said to be approximate (约, 多, 左右). said: as it stands.
    """

    value: Fraction
    start: int
    end: int
    said: str
    counted: str = ""
    hedged: bool = False

    @property
    def is_count(self) -> bool:
        """Whether it is a small whole number, as of things that are listed."""
        return self.value.denominator == 1 and 2 <= self.value <= 10


def names_with_figures(text: str) -> list[str]:
    """Return the names that hold figures: GPT-4, PM2.5, 5G."""
    return [match[0] for match in _NAME_WITH_FIGURES.finditer(text)]


def read_quantities(text: str) -> list[Quantity]:
    """Return the numbers of a text in its comparable view, but for those in names and idioms, and the 一 of 一个.

    >>> [(q.said, str(q.value)) for q in read_quantities("1.2万亿元，三成半，百分之十二，三分之二，3亿5000万，两个")]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('1.2万亿', '1200000000000'), ('三成半', '7/20'), ('百分之十二', '3/25'), ('三分之二', '2/3'),
     ('3亿5000万', '350000000'), ('两', '2')]
    """
    text = _NAME_WITH_FIGURES.sub(lambda match: "\0" * len(match[0]), text)
    found = []
    for read in (_fractions, _short_forms, _figures, _chinese):
        new = list(read(text))
        for one in new:
            text = text[: one.start] + "\0" * (one.end - one.start) + text[one.end :]
        found += new
    return sorted(found, key=lambda one: one.start)


def _fractions(text: str) -> Iterator[Quantity]:
    for match in _PARTS_OF.finditer(text):
        below, above = (_any_number(match[part]) for part in ("below", "above"))
        if below and match[0] != "百分之百":
            yield _quantity(text, above / below, match.start(), match.end())
    for match in _HALF.finditer(text):
        yield _quantity(text, Fraction(1, 2), match.start(), match.end())


def _short_forms(text: str) -> Iterator[Quantity]:
    """Yield what is said shortly: 一米七五 is 1.75 meters."""
    for match in _SHORT_FORM.finditer(text):
        whole, rest = (match["a"], match["b"])
        tenths = rest if rest.isdigit() else "".join(str(DIGITS[one]) for one in rest)
        value = _any_number(whole) + Fraction(int(tenths), 10 ** len(tenths))
        yield _quantity(text, value, match.start(), match.end())


def _any_number(said: str) -> Fraction:
    return Fraction(said) if said[0].isdigit() else chinese_number(said)


def _figures(text: str) -> Iterator[Quantity]:
    """Yield numbers in figures; those of one quantity that follow each other, as in 3亿5000万, are one."""
    waiting: Quantity | None = None
    last_scale = 0
    for match in _FIGURE.finditer(text):
        value, scale = _value_of_figure(match)
        start = match.start("negative") if match["negative"] else match.start("whole")
        end = max(match.end(part) for part in ("part", "whole", "below", "more", "scale", "percent"))
        if waiting is not None and waiting.end == start and scale < last_scale and value < last_scale:
            waiting = _quantity(text, waiting.value + value, waiting.start, end)
        else:
            if waiting is not None:
                yield waiting
            waiting = _quantity(text, value, start, end)
        last_scale = scale if scale > 1 else 0
    if waiting is not None:
        yield waiting


def _value_of_figure(match: re.Match[str]) -> tuple[Fraction, int]:
    value = Fraction(match["whole"].replace(",", "") + (match["part"] or ""))
    if match["below"]:
        value /= int(match["below"])
    scale = _SCALES.get((match["scale"] or "").lower(), 1)
    value *= scale
    percent = (match["percent"] or "").lower()
    if percent:
        value /= {"成": 10, "‰": 1000}.get(percent, 100)
    return (-value if match["negative"] else value), scale


def _chinese(text: str) -> Iterator[Quantity]:
    text = _IDIOMS.sub(lambda match: "\0" * len(match[0]), text)
    for match in _NUMERAL.finditer(text):
        said = match["number"]
        if not _is_number(match, text):
            continue
        value = chinese_number(said) * LARGE.get(match["scale"] or "", 1)
        tenths = match["tenths"] or ""
        if tenths.startswith("成"):
            more = tenths[1:]
            value = value / 10 + (chinese_number(more) / 100 if more and more != "半" else Fraction(len(more), 20))
        elif tenths:
            value /= 100
        yield _quantity(text, -value if match["negative"] else value, match.start(), match.end())


def _is_number(match: re.Match[str], text: str) -> bool:
    """Return whether a run of numerals is a number, and not part of a word (四川) or vague (几十, 三五个)."""
    said, before = match["number"], text[max(0, match.start() - 1) : match.start()]
    follows = MEASURE.match(text, match.end()) is not None
    if match["tenths"]:
        return True
    if said in ("一", "零", "〇"):
        return (
            said == "一"
            and before not in tuple("有每同另这那某前后当头终第唯统单任万哪几到来")
            and bool(_UNITS_OF_ONE.match(text, match.end()))
        )
    if before in tuple("几数上好成") and not set(said) - set("十百千万亿"):
        return False
    if set(said) <= set(FORMAL + "万亿零"):
        return bool(set(said) & set("拾佰仟"))
    if len(said) == 1:
        follows = follows or text[match.end() : match.end() + 1] == "比" or before == "比"
        return follows and said not in "百千万亿"
    if not set(said) & set("十百千万亿"):
        return len(said) > 2 or bool(set(said) & set("零〇")) or "点" in said
    return bool(set(said) - set("百千万亿")) or follows


def _quantity(text: str, value: Fraction, start: int, end: int) -> Quantity:
    after = text[end : end + 4]
    hedged = bool(_HEDGES.search(text[max(0, start - 8) : start])) or bool(re.search("[多余几]", text[start:end]))
    hedged = hedged or _HEDGES_AFTER.match(_behind_measure(text, end)) is not None
    return Quantity(value, start, end, text[start:end], after, hedged)


def _behind_measure(text: str, end: int) -> str:
    measure = MEASURE.match(text, end)
    return (
        text[end:][:6] if measure is None or _HEDGES_AFTER.match(text, end) else text[measure.end() : measure.end() + 6]
    )
