"""Words that invented stories are made of: who, and what they did."""

from __future__ import annotations

SUBJECTS = (
    "山里的老人",
    "城里的学生",
    "河边的渔夫",
    "村口的木匠",
    "值夜的护士",
    "赶路的商人",
    "守灯塔的人",
    "种茶的农妇",
)
ACTS = ("说起年轻时走过的路", "把收成记在一本旧账上", "等雨停了才动身回家", "教孩子认天上的星", "在灯下补一张旧网")
