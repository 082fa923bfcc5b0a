"""Invented texts of two kinds, told apart by their words, and a session that judges them."""

from __future__ import annotations

import json
from pathlib import Path

from story_words import ACTS, SUBJECTS

from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.labeling.session import Session, begin

SHOPS = ("旗舰店", "专营店", "折扣店", "代购店", "清仓店")
GOODS = ("手机壳", "运动鞋", "充电宝", "保温杯", "数据线", "遮阳伞")
GOOD = [
    f"{who}{act}，后来又{other}，日子就这样过去了。"
    for who in SUBJECTS
    for act in ACTS
    for other in ACTS
    if act != other
]
JUNK = [
    f"{shop}爆款{goods}包邮秒杀，点击购买收藏店铺，{n}折起立即下单抢购"
    for shop in SHOPS
    for goods in GOODS
    for n in (3, 7)
]


def write_texts(path: Path, texts: list[str], source: str = "web") -> Path:
    rows = ({"text": text, "source": source} for text in texts)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def begun(folder: Path, *, texts: list[str] | None = None, judge: str = "one", per_round: int = 40) -> Session:
    """Return a session in a new folder, or in one that was begun."""
    if not folder.exists():
        corpus = write_texts(folder.with_suffix(".jsonl"), [*GOOD, *JUNK] if texts is None else texts)
        begin(folder, {"web": CorpusConfig(path=str(corpus))}, FilteringConfig(), documents=1000, workers=1)
    return Session(folder, judge=judge, per_round=per_round, strategy="unsure", max_false_alarms=0.05)


def answer(text: str) -> str:
    """Return what a judge says who knows."""
    return "junk" if "秒杀" in text else "keep"
