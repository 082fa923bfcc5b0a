"""Near copies of a Corpus, found for texts that are not in it."""

from __future__ import annotations

from hanhua.filtering.duplicates.finder import CorpusCopies

TOFU = (
    "老周的豆腐作坊开在镇上的石桥边，已经做了三十二年，每天凌晨两点他把泡好的黄豆磨成浆，"
    "滤去豆渣，倒进大锅烧开，再点盐卤。"
)
RIVER = (
    "这条河全长八十六公里，流经两个县，沿岸从前有四十七家造纸作坊，水质长期很差，治理以后鱼的种类由九种恢复到二十三种。"
)
DOCUMENTS = [("zh:a#0", TOFU), ("zh:a#1", RIVER)]


def test_a_copy_is_found_with_its_document_and_another_text_is_none() -> None:
    finder = CorpusCopies().of(iter(DOCUMENTS))
    assert finder.copy_of(DOCUMENTS[0][1]) == "zh:a#0"
    assert finder.copy_of(DOCUMENTS[1][1].replace("恢复", "回复")) == "zh:a#1"
    assert finder.copy_of("一勺一勺地点入盐卤，是做豆腐最难的一步，老师傅全凭手感，多了发苦，少了不成形。") is None


def test_traditional_text_is_a_copy_too() -> None:
    traditional = (
        "這條河全長八十六公里，流經兩個縣，沿岸從前有四十七家造紙作坊，水質長期很差，"
        "治理以後魚的種類由九種恢復到二十三種。"
    )
    assert CorpusCopies().of(DOCUMENTS).copy_of(traditional) == "zh:a#1"


def test_an_empty_corpus_has_no_copies() -> None:
    assert CorpusCopies().of([]).copy_of("随便什么文字") is None
