"""What crawls bring along: injected names, keyword stuffing, markup, offers of invoices, time codes, broken extraction.

Each rule looks for one kind and needs several signs of it, since each sign alone stands in good texts as well: news
about a casino, a tutorial on HTML, a lecture on radicals.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from hanhua.filtering.document import KEEP, Draft, Drafts, Verdict, reject
from hanhua.filtering.joined import Positions
from hanhua.filtering.rules.lines import filled_lines
from hanhua.filtering.seeds import SPACES, Family
from hanhua.filtering.text_config import JunkConfig
from hanhua.zh_text.folding import code_points
from hanhua.zh_text.scripts import HAN

HEAD = 20_000
"""Characters that are looked at: junk of these kinds is so from the start, and a book must not cost an hour."""
MIN_LINES, MIN_PHRASES, MAX_PHRASE = 6, 6, 16

_NAME = (
    "娱乐城|娱乐网|真人棋牌|棋牌游戏|电子游艺|百家乐|博彩网?|彩票网|体育投注|菠菜|时时彩|老虎机|线上赌场|网上赌场|澳门赌场|"
    "皇冠体育|(?:亚博|威尼斯人|葡京|太阳城|金沙|银河)(?:娱乐|国际|棋牌|体育|平台)|伟哥|万艾可|壮阳药|催情药|催情水|迷情药"
)
_SOLD_BY = (
    "官网|官方网?站?|登录|登陆|网址|网站|平台|app|下载|注册|开户|投注|客户端|手机版|安卓版|苹果版|送彩金|彩金|首存|"
    "入口|备用|代理|专卖|正品|货到付款|多少钱|哪里(?:有|能)?[买卖]|购买"
)
_NAME_SEEDS = (
    "娱乐", "棋牌", "游艺", "百家乐", "博彩", "彩票网", "投注", "菠菜", "时时彩", "老虎机", "赌场", "皇冠体育", "亚博",
    "威尼斯人", "葡京", "太阳城", "金沙", "银河", "伟哥", "万艾可", "壮阳", "催情", "迷情",
)  # fmt: skip
_NAMES = Family(_NAME_SEEDS)
_INJECTED = re.compile(f"(?:{_NAME})[^。！？\\n]{{0,4}}?(?:{_SOLD_BY})", re.IGNORECASE)

_PHRASE_MARKS, _SENTENCE_ENDS = ",，、;；|｜/", "。！？"
_PHRASES = re.compile(rf"[{_PHRASE_MARKS}\s]+")
# Of how many characters the word is, in how many phrases at least, and in which share of them.
_COMMON = ((4, 6, 0.8), (3, 6, 0.8), (2, 8, 0.9))
_MIN_SHARE = min(share for _, _, share in _COMMON)
_MIN_HAN_IN_COMMON = math.floor(min(width * share * least for width, least, share in _COMMON))
# Characters of sentences, of which a list of keywords has none.
_SENTENCE_CHARACTERS = "了是就都也不这那我你他她"
_SENTENCE = re.compile(f"[{_SENTENCE_CHARACTERS}]")
_MAX_SENTENCE_RATIO = 0.04

_FENCES = re.compile(r"```.*?(?:```|\Z)|^(?: {4}|\t).*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_MARKUP = re.compile(
    r"</?[a-zA-Z][a-zA-Z0-9]{0,14}(?:\s[^<>\n]{0,400})?/?>|<!--.{0,400}?-->|<!DOCTYPE[^>]{0,200}>"
    r"|[.#@]?[a-zA-Z][\w\-.#:, >]{0,60}\{[^{}\n]{0,300}[:;(][^{}\n]{0,300}\}"
    r"|(?:function\s*\w*\s*\([^)]{0,80}\)|(?:var|let|const)\s+\w+\s*=|document\.\w+|window\.\w+|\$\(['\"])[^\n]{0,200}"
)

_ABOUT_CODE = re.compile(
    "示例|例子|代码|函数|标签|属性|元素|教程|语法|变量|参数|jquery|javascript|html|css|input|div", re.IGNORECASE
)
_MIN_ABOUT_CODE = 2

_OFFERED = re.compile(
    "(?:代开|代办|开具|出售|办理|可开|专业开|优惠开|对外开)[^。！？\n]{0,16}(?:发票|增值税票|普票|专票|文凭|学历证|毕业证|资格证|"
    "四六级证|驾驶?证|房产证|证件|公章)|办证刻章|刻章办证"
)
_OFFER_SEEDS = ("代开", "代办", "开具", "出售", "办理", "可开", "专业开", "优惠开", "对外开", "办证刻章", "刻章办证")
_OFFERS = Family(_OFFER_SEEDS)
_OFFER_WORDS = (
    "点数", "先验票", "验票后付款", "验证后付款", "来电", "详电", "致电", "电联", "联系人", "业务经理", "加微信",
    "加qq", "扣扣", "保真", "可查", "用不完", "进项较多", "进项多", "优惠", "量大", "从优", "长期有效", "不成功不收费",
    "货到付款", "快速办理", "当天出", "专业办理", "诚信", "贵公司", "贵单位", "我司", "税率低", "费用低", "全国各地",
)  # fmt: skip
_ABOUT_CRIME = re.compile(
    "查处|犯罪|嫌疑人|抓获|判处|被告|税务机关|警方|民警|公安|虚开|违法|不得|禁止|举报|骗子|当心|警惕|稽查|处罚"
)
_MAX_ABOUT_CRIME = 1

_TIME_CODE = re.compile(
    r"\d{1,2}:\d{2}:\d{2}[,.]\d{2,3}\s*-->|^Dialogue:\s*\d+,\d+:\d{2}:\d{2}|^\[\d{1,2}:\d{2}(?:[.:]\d{2,3})?\]"
)
_TIME_CODE_SIGNS = ("-->", "Dialogue:", "[")
_HAN_ALONE = re.compile(f"[{HAN}]")
# Strokes and components that are hardly ever written as characters of their own.
_COMPONENTS = frozenset(
    "丶丨丿乀乁乚亅亠冂冖冫凵勹匚匸卩厶囗夂夊宀尢屮巛幺廴廾弋彐彑彡彳忄扌氵犭灬爫爿疒癶礻糸纟罒罓艹虍衤覀讠豕豸辶阝隶隹飠饣钅"
    "冎卝丆丩丬乛亍亻刂仌囘"
)
_PARTS_PHRASES, _ENDS_SENTENCE, _IN_SENTENCE, _COMPONENT, _IS_HAN = (np.uint8(1 << bit) for bit in range(5))
# All beyond is read as the last, which is none of these.
_TABLE_SIZE = 0x40001


def junk(draft: Draft, limits: JunkConfig) -> Verdict:
    """Reject Chinese texts that are junk of one of these kinds, naming it (`junk.keywords`)."""
    if not draft.chinese:
        return KEEP
    for reason, setting, measure in _measures():
        limit: float | None = getattr(limits, setting)
        if limit is None:
            continue
        value = draft.measure(reason, measure(draft))
        if value > limit:
            return reject(reason, value)
    return KEEP


@cache
def _measures() -> tuple[tuple[str, str, Callable[[Draft], float]], ...]:
    """Return what is measured, in this order: its reason, the setting that limits it, and how."""
    return (
        ("junk.time_codes", "max_time_code_line_ratio", time_code_ratio),
        ("junk.single_characters", "max_single_character_line_ratio", single_character_ratio),
        ("junk.components", "max_component_ratio", component_ratio),
        ("junk.markup", "max_markup_ratio", markup_ratio),
        ("junk.injected", "max_injected_names", injected_names),
        ("junk.offers", "max_offer_words", offer_words),
        ("junk.keywords", "max_keyword_ratio", keyword_ratio),
    )


def time_code_ratio(draft: Draft) -> float:
    """Return the share of lines that hold the time codes of subtitles or lyrics."""
    if draft.view(filled_lines) < MIN_LINES or not any(sign in draft.text for sign in _TIME_CODE_SIGNS):
        return 0.0
    return sum(":" in line and _TIME_CODE.search(line) is not None for line in draft.lines) / len(draft.lines)


def single_character_ratio(draft: Draft) -> float:
    """Return the share of lines that are one Chinese character and perhaps a mark."""
    filled = draft.view(filled_lines)
    return draft.view(_single_characters) / filled if filled >= MIN_LINES else 0.0


def component_ratio(draft: Draft) -> float:
    """Return the share of strokes and components among the Chinese characters."""
    return draft.view(_components) / min(draft.profile.han, HEAD) if draft.profile.han else 0.0


def markup_ratio(draft: Draft) -> float:
    """Return the share of HTML, CSS and scripts outside of code blocks; none in a text that speaks of code."""
    head = draft.text[:HEAD]
    if "<" not in head and "{" not in head:
        return 0.0
    prose = _FENCES.sub("", head)
    found = _MARKUP.findall(prose)
    if not found or len(set(_ABOUT_CODE.findall(_MARKUP.sub("", prose)))) >= _MIN_ABOUT_CODE:
        return 0.0
    visible = len("".join(prose.split()))
    return sum(len("".join(match.split())) for match in found) / max(visible, 1)


def injected_names(draft: Draft) -> float:
    """Return how often a gambling site or a drug is named together with what advertises it."""
    # A search for each beginning is several times faster than one for the pattern.
    if not draft.view(_NAMES.begin_in) or not any(seed in draft.text for seed in _NAME_SEEDS):
        return 0.0
    return float(len(_INJECTED.findall(draft.text, 0, HEAD)))


def offer_words(draft: Draft) -> float:
    """Return how many different words of an offer stand in a text that offers invoices or certificates.

    None in a text that speaks of offenses: news of the police quote such offers.
    """
    head = draft.text[:HEAD]
    if not draft.view(_OFFERS.begin_in) or not any(seed in head for seed in _OFFER_SEEDS):
        return 0.0
    if not _OFFERED.search(head) or len(_ABOUT_CRIME.findall(head)) > _MAX_ABOUT_CRIME:
        return 0.0
    lower = head.lower()
    return float(sum(word in lower for word in _OFFER_WORDS))


def keyword_ratio(draft: Draft) -> float:
    """Return the share of characters in lines of short phrases that nearly all have one word in common.

    >>> keyword_ratio(Draft("北京搬家，北京搬家公司，北京搬家电话，北京搬家价格，北京搬家哪家好，北京长途搬家"))
    1.0
    """
    lines = draft.view(_lines_of_phrases)
    if not lines:
        return 0.0
    return sum(len(line) for line in lines if _is_stuffed(line)) / max(min(len(draft.text), HEAD), 1)


def _single_characters(drafts: Drafts) -> list[int]:
    """Return how many lines of each text are one Chinese character and perhaps a mark."""
    lines = drafts.lines
    alone, sizes = np.zeros(len(lines.starts), dtype=bool), lines.stops - lines.begins
    short = np.flatnonzero((sizes == 1) | (sizes == 2))
    alone[short] = _count(drafts, _IS_HAN, lines.begins[short], lines.stops[short]) == 1
    return lines.counts(alone)


def _count(drafts: Drafts, kind: np.uint8, begins: Positions, ends: Positions) -> Positions:
    """Return how many characters of a kind are in each [begin, end) of the joined texts."""
    places = np.flatnonzero((drafts.view(_kinds_of_all) & kind) > 0)
    counts: Positions = np.searchsorted(places, ends) - np.searchsorted(places, begins)
    return counts


def _kinds_of_all(drafts: Drafts) -> npt.NDArray[np.uint8]:
    return _kinds().take(drafts.joined.codes, mode="clip")


def _components(drafts: Drafts) -> list[int]:
    """Return how many strokes and components the head of each text has."""
    return drafts.joined.counts((drafts.view(_kinds_of_all) & _COMPONENT) > 0, head=HEAD)


def _lines_of_phrases(drafts: Drafts) -> list[list[str]]:
    """Return the lines of each text's head that may be stuffed, by the kinds of their characters alone."""
    texts, lines = drafts.joined, drafts.lines
    owners = np.repeat(np.arange(len(texts.bounds)), np.diff(lines.firsts))
    # Where a line begins beyond the head, it ends before it begins: nothing is counted.
    ends = np.minimum(lines.ends, texts.starts[owners] + HEAD)
    # The least that so many phrases take first, then each question of fewer lines.
    chosen = np.flatnonzero(ends - lines.starts >= max(2 * MIN_PHRASES - 1, _MIN_HAN_IN_COMMON))
    for kind in (_PARTS_PHRASES, _ENDS_SENTENCE, _IN_SENTENCE, _IS_HAN):
        begins, stops = lines.starts[chosen], ends[chosen]
        chosen = chosen[_may_be_stuffed(kind, _count(drafts, kind, begins, stops), stops - begins)]
    found: list[list[str]] = [[] for _ in texts.bounds]
    for line, owner in zip(chosen.tolist(), owners[chosen].tolist(), strict=True):
        begin = int(texts.starts[owner])
        found[owner].append(drafts.texts[owner][int(lines.starts[line]) - begin : int(ends[line]) - begin])
    return found


def _may_be_stuffed(kind: np.uint8, counts: Positions, lengths: Positions) -> npt.NDArray[np.bool_]:
    """Return which lines may be, by how many characters of a kind they have."""
    may: npt.NDArray[np.bool_] = counts >= _MIN_HAN_IN_COMMON
    if kind == _PARTS_PHRASES:
        may = (counts + 1 >= MIN_PHRASES) & (lengths <= MAX_PHRASE * (counts + 1))
    elif kind == _ENDS_SENTENCE:
        may = counts == 0
    elif kind == _IN_SENTENCE:
        may = counts <= _MAX_SENTENCE_RATIO * lengths
    return may


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """Return the kinds of each code point, as bits."""
    table = np.zeros(_TABLE_SIZE, dtype=np.uint8)
    for kind, characters in (
        (_PARTS_PHRASES, _PHRASE_MARKS + SPACES),
        (_ENDS_SENTENCE, _SENTENCE_ENDS),
        (_COMPONENT, "".join(_COMPONENTS)),
        (_IN_SENTENCE, _SENTENCE_CHARACTERS),
        (_IS_HAN, "".join(_HAN_ALONE.findall("".join(map(chr, (*range(0x3000, 0xD800), *range(0xF900, 0x40000))))))),
    ):
        table[code_points(characters)] |= kind
    return table


def _is_stuffed(line: str) -> bool:
    phrases = [phrase for phrase in _PHRASES.split(line) if phrase]
    if len(phrases) < MIN_PHRASES or len(line) > MAX_PHRASE * len(phrases):
        return False
    if len(set(phrases)) < len(phrases) / 2 or any(mark in line for mark in _SENTENCE_ENDS):
        return False
    if len(_SENTENCE.findall(line)) > _MAX_SENTENCE_RATIO * len(line):
        return False
    # Of a word in so many phrases the first two characters are in the line as often, and in one of the first phrases.
    least = _MIN_SHARE * len(phrases)
    some = phrases[: math.floor(len(phrases) - least) + 1]
    pairs = {phrase[at : at + 2] for phrase in some for at in range(len(phrase) - 1)}
    if not any(line.count(pair) >= least for pair in pairs if not pair.isascii()):
        return False
    return any(
        len(phrases) >= least and _have_in_common(phrases, width, share * len(phrases))
        for width, least, share in _COMMON
    )


def _have_in_common(phrases: list[str], width: int, least: float) -> bool:
    """Return whether a word of so many Chinese characters is in at least so many of the phrases."""
    counts: Counter[str] = Counter()
    for phrase in phrases:
        counts.update({phrase[at : at + width] for at in range(len(phrase) - width + 1)})
    common = (word for word, count in counts.most_common(3) if count >= least)
    return any(len(_HAN_ALONE.findall(word)) == width for word in common)
