"""Chinese texts that no rule objects to, none of them a near copy of another."""

from __future__ import annotations

import random

OPENINGS = ("清晨", "正午", "黄昏", "半夜", "雨后", "雪天", "春分", "冬至", "集市上", "渡口边")
PEOPLE = ("卖花的姑娘", "补锅的匠人", "守桥的老兵", "教书先生", "摆渡的汉子", "裁缝铺的学徒")
CHARACTERS = [chr(code) for code in range(0x4E00, 0x5E00)]
DOINGS = (
    "把门板一块块卸下来，又用湿布擦了柜台，等第一个客人进门，心里盘算着今年的收成。",
    "坐在石阶上数着过往的船，数到第七条便站起来，拍拍衣裳，朝山那边的小路走去了。",
    "听见远处有人敲锣，连忙放下手里的活计，跟着人群往庙前跑，鞋跑掉了一只也没有察觉。",
    "从怀里掏出一封皱巴巴的信，看了很久，折好，又看，最后把它压在灯台底下，吹熄了灯。",
)


def documents() -> list[str]:
    """Return 240 texts; each ends in words of its own, so that none is a near copy of another."""
    rng = random.Random(0)
    scenes = (f"{when}，{who}{what}" for when in OPENINGS for who in PEOPLE for what in DOINGS)
    return [scene + "".join(rng.choices(CHARACTERS, k=60)) + "。" for scene in scenes]
