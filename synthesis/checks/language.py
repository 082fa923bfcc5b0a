"""Whether an answer is in the Chinese it was asked for: script, language, and the words of a region."""

from __future__ import annotations

import re

from hanhua.synthesis.checks.case import Case
from hanhua.zh_text.scripts import chinese_script, han_runs, one_sided_characters, script_shares

MIN_HAN_RATIO = 0.6
"""Of letters; own: pages of Chinese about programs have two thirds and more."""
MAX_FOREIGN_RATIO = 0.02
MAX_WRONG_SCRIPT_RATIO = 0.01
"""Of Han characters, in those that the other script alone has; quotations take fewer."""
MIN_WRONG = 2
ENGLISH_SENTENCE = re.compile(r"(?:\b[A-Za-z][a-z'’]*[ ,]+){7,}[A-Za-z]+")
_ASIDE = re.compile(r"（[^）]*）|\([^)]*\)|“[^”]*”|\"[^\"]*\"|《[^》]*》|「[^」]*」")
_PLAIN_WORD = re.compile(r"(?<![\w./-])[a-z]{5,}(?![\w/-]|\.\w)", re.ASCII)
"""A common word: no name and no abbreviation, which have capitals, and longer than most commands (git, blob)."""

# Words that a region does not use for a thing it has another word for.
_NOT_IN_TAIWAN = (
    "軟件 硬件 網絡 互聯網 信息技術 視頻 服務器 硬盤 數據庫 程序員 打印機 鼠標 U盤 公交車 出租車 人工智能 默認 "
    "屏幕 帶寬 激光 短信 博客 用戶名 筆記本電腦 導彈 酸奶 幼兒園 塑料 的士"
)
_NOT_IN_HONG_KONG = "軟體 硬體 網路 程式設計師 印表機 計程車 捷運 雷射 視頻 服務器 出租車 公交車 幼兒園 酸奶"
_REGIONAL = {
    "hant-tw": re.compile("|".join(_NOT_IN_TAIWAN.split())),
    "hant-hk": re.compile("|".join(_NOT_IN_HONG_KONG.split())),
}
_CANTONESE = re.compile("[嘅咗喺嚟啲嗰冇唔咁乜嘢佢哋]")


def wrong_language(case: Case) -> str | None:
    """Return the language that an answer is in, where it is not Chinese; code in fences and formulas are left out."""
    text = re.sub(r"```.*?```|`[^`\n]+`|\$[^$\n]+\$|https?://\S+", " ", case.text, flags=re.DOTALL)
    shares = script_shares(text)
    for name in ("kana", "hangul", "cyrillic"):
        if getattr(shares, name) > MAX_FOREIGN_RATIO:
            return f"{getattr(shares, name):.0%} {name}"
    if shares.han < MIN_HAN_RATIO and shares.han < _han_of_source(case):
        return f"{shares.han:.0%} Han"
    english = ENGLISH_SENTENCE.search(text)
    if english is not None and (case.form.language == "en" or english[0] not in case.source):
        return f"a sentence of English: {english[0][:40]}"
    left = _untranslated(text, case)
    return f"left in English: {', '.join(left[:4])}" if left else None


def _untranslated(text: str, case: Case) -> list[str]:
    """Return the common English words of an English source that stand in a Chinese sentence, in no bracket or quote."""
    if case.form.language != "en":
        return []
    of_source = set(_PLAIN_WORD.findall(re.sub(r"```.*?```|`[^`\n]+`", " ", case.seed.text, flags=re.DOTALL)))
    return [one for one in dict.fromkeys(_PLAIN_WORD.findall(_ASIDE.sub(" ", text))) if one in of_source]


def _han_of_source(case: Case) -> float:
    """Return the share of Han that is still Chinese: less than usual where the source itself is half names."""
    if case.form.language == "en":
        return MIN_HAN_RATIO
    return min(MIN_HAN_RATIO, 0.8 * script_shares(case.seed.text).han)


def wrong_script(case: Case) -> str | None:
    """Return the characters of the other script, or the words of another region."""
    only_hans, only_hant = one_sided_characters()
    wrong_ones = only_hant if case.form.script == "hans" else only_hans
    if chinese_script(case.seed.text) == ("hans" if case.form.script == "hans" else "hant"):
        wrong_ones = wrong_ones - set(case.seed.text)  # 毕昇, as the source writes him
    characters = "".join(han_runs(case.text))
    wrong = [one for one in characters if one in wrong_ones]
    if len(wrong) >= MIN_WRONG and len(wrong) > MAX_WRONG_SCRIPT_RATIO * len(characters):
        return f"{len(wrong)} characters of the other script: {''.join(dict.fromkeys(wrong))[:12]}"
    words = _REGIONAL.get(case.form.script)
    found = words.search(case.text) if words is not None else None
    if found is not None:
        return f"a word of another region: {found[0]}"
    spoken = _CANTONESE.findall(case.text)
    return f"spoken Cantonese: {''.join(spoken[:6])}" if len(spoken) >= MIN_WRONG else None
