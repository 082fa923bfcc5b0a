"""Texts of made-up sentences, as a Corpus artifact."""

from __future__ import annotations

import random
import re
from pathlib import Path

from hanhua.artifacts import Artifact, write_manifest
from hanhua.documents import Document
from hanhua.documents.corpus import write_corpus

ZH = re.findall(
    r"\w+",
    "春天 河水 老人 小船 城市 孩子 写信 旧书 山路 月亮 雨后 茶馆 走进 看见 想起 慢慢 忽然 以后 因为 所以 一个 我们",
)
EN = re.findall(
    r"\w+",
    "river old boat city child letter book road moon rain tea house walks sees remembers slowly suddenly quiet",
)
NEW_TOKENS = 24


def sentence(language: str, chance: random.Random) -> str:
    words = [chance.choice(ZH if language == "zh" else EN) for _ in range(chance.randint(5, 40))]
    return ("".join(words) + "。") if language == "zh" else (" ".join(words) + ".")


def make_documents(seed: int = 0) -> list[Document]:
    chance = random.Random(seed)
    documents = []
    for name, language, count in (("zh", "zh", 60), ("en_replay", "en", 30)):
        for i in range(count):
            text = "\n".join(sentence(language, chance) for _ in range(chance.randint(1, 6)))
            split = "heldout" if i % 10 == 0 else "train"
            documents.append(Document(f"{name}:f#{i}", text, name, language=language, split=split))
    return documents


def make_corpus(folder: Path, documents: list[Document]) -> Artifact:
    folder.mkdir(parents=True)
    write_corpus(folder, documents)
    return write_manifest(folder, kind="corpus", config={}, inputs={}, facts={})
