"""`hanhua filter`: a corpus with its manifest, scores as JSON lines, and one clear sentence for a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanhua.artifacts import open_artifact
from hanhua.artifacts.hashes import FileHashes
from hanhua.cli.entry import run_command
from hanhua.cli.filter import app
from hanhua.documents.corpus import read_corpus

TEXTS = (
    "渡船靠岸时钟声响了，卖藕的妇人挑着担子走进雾里，渐渐看不见了。",
    "书架上积满了灰尘，他却记得每一本书的位置，连书签夹在哪里也说得出来。",
    "信誉菠菜平台首充送100，百家乐秒提款，加微信 abc12345 领彩金。",
)


def call(*arguments: str | Path) -> int:
    return run_command(lambda: app([str(a) for a in arguments], standalone_mode=True))


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    rows = ({"id": f"t{i}", "text": text} for i, text in enumerate(TEXTS))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_run_makes_a_corpus(texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    english = tmp_path / "books.txt"
    english.write_text("The ferry left at six, and nobody on the quay waved.\n", encoding="utf-8")
    out = tmp_path / "clean"
    arguments = ("run", texts, f"en={english}", "--language", "en=en", "--license", "CC0-1.0", "--out", out)
    assert call(*arguments, "--heldout-ratio", "0.5", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["corpora"]["texts"]["rejected"] == {"harm.gambling": 1}
    artifact = FileHashes(tmp_path / "hashes.json").check(open_artifact(out, kind="corpus"))
    assert artifact.facts == facts
    assert artifact.config["heldout_ratio"] == 0.5
    assert [(d.corpus, d.language, d.license) for d in read_corpus(out)] == [
        ("texts", "zh", "CC0-1.0"),
        ("texts", "zh", "CC0-1.0"),
        ("en", "en", "CC0-1.0"),
    ]
    assert not (tmp_path / "clean.partial").exists()
    assert call(*arguments) == 2
    assert "exists and is not empty" in capsys.readouterr().err


def test_run_shows_a_table(texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clean").mkdir()
    assert call("run", f"zh={texts}", "--out", tmp_path / "clean", "--preset", "none") == 0
    shown = capsys.readouterr().out
    assert "rejected for" not in shown
    assert [line.split()[:3] for line in shown.splitlines() if line.startswith("zh ")] == [["zh", "3", "3"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "strict"], "--preset: 'strict' is not one of balanced, fineweb2-zh or none"),
        (["--heldout-ratio", "2"], "--heldout-ratio: Input should be less than or equal to 0.5"),
        (["--language", "de"], "language: 'de' is not one of zh, en or other"),
        (["--pii", "hide"], "--pii: 'hide' is not one of mask, drop or off"),
        (["--text-field", "body"], "no record has the text field 'body'; fields found: id, text"),
        (["missing.jsonl"], "missing.jsonl: no such file"),
    ],
)
def test_mistakes_end_with_2(
    arguments: list[str], says: str, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", texts, "--out", tmp_path / "clean", *arguments) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "clean").exists()


def test_score_prints_a_line_each(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("score", texts, "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in rows] == ["t0", "t1", "t2"]
    assert [row["category"] for row in rows] == [None, None, "gambling"]
    assert rows[2]["score"] >= 0.5
    assert "首充送" in "".join(TEXTS[2][start:end] for start, end in rows[2]["spans"])
    assert rows[2]["evidence"] == [TEXTS[2][start:end] for start, end in rows[2]["spans"]]
    assert call("score", texts) == 0
    assert "gambling" in capsys.readouterr().out.splitlines()[2]


def labelled(path: Path, rows: list[tuple[str, object]]) -> Path:
    lines = [json.dumps({"body": text, "kind": kind}, ensure_ascii=False) for text, kind in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


SPAM = [f"第{i}期澳门娱乐城注册送{i}八元彩金，加微信领取" for i in range(12)]
PLAIN = [f"第{i}章讲的是河边的村子，{i}个孩子在树下听老人说故事" for i in range(12)]
FIELDS = ("--text-field", "body", "--label-field", "kind")


def test_train_harm_makes_a_classifier_that_score_uses(
    tmp_path: Path, texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = labelled(tmp_path / "l.jsonl", [*((text, 1) for text in SPAM), *((text, 0) for text in PLAIN)])
    out = tmp_path / "spam"
    options = ("--category", "gambling", "--column-bits", 12, "--benign", texts)
    assert call("train-harm", file, *FIELDS, *options, "--out", out, "--json") == 2
    assert "no text in the field 'body'" in capsys.readouterr().err
    assert call("train-harm", file, *FIELDS, *options[:-2], "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["macro_f1_of_held_out_folds"] > 0.9
    assert call("score", texts, "--classifier", out, "--json") == 0
    assert call("train-harm", file, *FIELDS, *options[:-2], "--out", out) == 2
    assert "not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(SPAM[0], "spam")], "label 'spam' is neither a category (pornography, "),
        ([(text, "gambling") for text in SPAM], "12 harmful and 0 harmless texts"),
    ],
)
def test_labels_that_do_not_fit_are_named(
    rows: list[tuple[str, object]], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = labelled(tmp_path / "l.jsonl", rows)
    assert call("train-harm", file, *FIELDS, "--out", tmp_path / "out") == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
