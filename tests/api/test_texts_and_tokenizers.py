"""Filtering, learning, proving and measuring from Python, on real texts and a small real tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_llama import QUICKSTART, write_small_base

import hanhua
from hanhua.artifacts import open_artifact
from hanhua.errors import InputError, UsageError

ZH = sorted(QUICKSTART.glob("zh_*.jsonl"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_base(tmp_path_factory.mktemp("base"))


def test_learned_is_proved_and_buys_something(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "zh"
    facts = hanhua.learn(ZH, out=out, base=base, workers=1, new_tokens=300, dictionary_weight=0)
    assert facts == open_artifact(out, kind="tokenizer").facts
    assert facts["new_tokens"] == 256
    found = hanhua.verify(out, base=base, texts=QUICKSTART / "en.jsonl", structure_only=False)
    assert found["ok"]
    assert not any(check["broken"] for check in found["checks"])
    before, after = hanhua.measure([base, out], texts=str(ZH[0]))[:2]
    assert after["characters_per_token"] > before["characters_per_token"]
    assert after["gain"] == hanhua.measure(out, texts=ZH[:1], base=base)[1]["gain"] > 1


def test_a_broken_extension_is_told_and_raises_nothing(base: Path, tmp_path: Path) -> None:
    text = (base / "tokenizer.json").read_text(encoding="utf-8")
    assert '"normalizer": null' in text
    (tmp_path / "tokenizer.json").write_text(text.replace('"normalizer": null', '"normalizer": {"type": "NFKC"}'))
    assert not hanhua.verify(tmp_path, base=base, structure_only=True)["ok"]


def test_filtered_texts_are_a_corpus(tmp_path: Path) -> None:
    corpora = {"zh": ZH[0], "en": {"path": QUICKSTART / "en.jsonl", "language": "en"}}
    facts = hanhua.filter_texts(corpora, out=tmp_path / "clean", heldout_ratio=0.1, workers=1)
    assert facts["corpora"]["zh"]["kept"] > 50
    assert open_artifact(tmp_path / "clean", kind="corpus").facts["corpora"] == facts["corpora"]
    with pytest.raises(InputError, match="exists and is not empty"):
        hanhua.filter_texts(corpora, out=tmp_path / "clean")


def test_one_text_and_several_are_scored_alike() -> None:
    spam, news = "信誉菠菜平台首充送，加➕薇信abc123领彩金", "今天下午有雨。"
    scored = hanhua.score([spam, news])
    assert scored == [*hanhua.score(spam), *hanhua.score(news)]
    assert [row["category"] for row in scored] == ["gambling", None]
    assert [spam[begin:end] for begin, end in scored[0]["spans"]] == scored[0]["evidence"]


def test_a_misspelled_setting_is_named_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"new_token: unknown key \(did you mean new_tokens\?\)"):
        hanhua.learn(ZH, out=tmp_path / "zh", new_token=300)
    with pytest.raises(UsageError, match="langage"):
        hanhua.filter_texts({"zh": {"path": ZH[0], "langage": "zh"}}, out=tmp_path / "clean")
    assert list(tmp_path.iterdir()) == []
