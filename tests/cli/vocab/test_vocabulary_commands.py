from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import started
from small_llama import QUICKSTART

import hanhua
from hanhua.artifacts import open_artifact
from hanhua.cli import vocab_extension as command
from hanhua.cli.entry import run_command
from hanhua.tables import columns_of

ZH = [str(path) for path in sorted(QUICKSTART.glob("zh_*.jsonl"))]


def run(*words: object) -> int:
    return run_command(lambda: command.app([str(word) for word in words]))


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """So it is there at once; `benchmarks/start_up.py` measures how soon."""
    done = started("hanhua.cli.vocab_extension", "--help", folder=tmp_path)
    assert done.code == 0, done.err
    assert all(name in done.out for name in ("learn", "verify", "measure", "sweep", "resize"))
    assert not done.loaded


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("command") / "zh"
    assert run("learn", "--base", base, "--corpus", *ZH, "--new-tokens", 300, "--out", out) == 0
    return out


def test_learn_writes_a_finished_artifact(made: Path) -> None:
    artifact = open_artifact(made, kind="tokenizer")
    assert artifact.facts["new_tokens"] == 256
    assert artifact.config["new_tokens"] == 300
    assert not made.with_name("zh.partial").exists()


def test_learn_gives_the_same_whatever_the_order_of_files(base: Path, made: Path, tmp_path: Path) -> None:
    assert run("learn", "--base", base, "--corpus", *ZH[::-1], "--new-tokens", 300, "--out", tmp_path / "zh") == 0
    assert open_artifact(tmp_path / "zh").content_hash == open_artifact(made).content_hash


def test_learn_prints_json_for_scripts(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("learn", "--base", base, "--corpus", *ZH, "--new-tokens", 256, "--out", tmp_path / "x", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    ratios = facts["compression"]["heldout"]["all"]
    assert ratios["extended"] > ratios["base"]


def test_learn_refuses_what_is_not_its_own(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    assert run("learn", "--base", base, "--corpus", *ZH, "--out", tmp_path / "full") == 2
    assert "exists and is not empty" in capsys.readouterr().err
    (tmp_path / "new.partial").mkdir()
    (tmp_path / "new.partial" / "thesis.txt").write_text("x")
    assert run("learn", "--base", base, "--corpus", *ZH, "--out", tmp_path / "new") == 2
    assert (tmp_path / "new.partial" / "thesis.txt").exists()


def test_learn_goes_over_an_interrupted_run(base: Path, tmp_path: Path) -> None:
    left = tmp_path / "new.partial"
    (left / "work").mkdir(parents=True)
    (left / "tokenizer.json").write_text("half")
    assert run("learn", "--base", base, "--corpus", *ZH, "--new-tokens", 256, "--out", tmp_path / "new") == 0
    assert not left.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("learn", "--corpus", "missing.jsonl", "--out", "OUT"), "missing.jsonl: no such file"),
        (("learn", "--corpus", "EN", "--out", "OUT", "--base", "BASE"), "no Chinese text to learn from"),
        (("learn", "--corpus", "EN", "--out", "OUT", "--base", "./nowhere"), "no such folder"),
        (
            ("learn", "--corpus", "EN", "--out", "OUT", "--base", "BASE", "--text-field", "body"),
            "no record has the text",
        ),
        (("verify", "EMPTY", "--base", "BASE"), "tokenizer.json: no such file"),
        (("measure", "EMPTY", "--texts", "EN"), "no tokenizer.json"),
        (("resize", "--model", "EMPTY", "--tokenizer", "BASE", "--out", "OUT"), "config.json: no such file"),
        (("resize", "--model", "EMPTY", "--tokenizer", "BASE", "--out", "OUT", "--init", "best"), "one of mean"),
        (("learn", "--new-tokens", "8000"), "--out"),
        (
            ("learn", "--corpus", "EN", "--out", "OUT", "--merge-scope", "guess"),
            "merge_scope: 'guess' is not one of runs, words or hybrid",
        ),
        (("learn", "--corpus", "EN", "--out", "OUT", "--weight", "zh=2"), "'zh' is not given to --corpus"),
    ],
)
def test_mistakes_end_with_2_and_a_sentence(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"OUT": tmp_path / "out", "EN": QUICKSTART / "en.jsonl", "BASE": base, "EMPTY": tmp_path / "empty"}
    assert run(*(places.get(word, word) for word in words)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()


def test_verify_says_ok_and_broken(base: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", made, "--base", base, "--texts", *ZH, QUICKSTART / "en.jsonl") == 0
    assert "BROKEN" not in capsys.readouterr().out
    data = json.loads((made / "tokenizer.json").read_text(encoding="utf-8"))
    data["normalizer"] = {"type": "NFKC"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    assert run("verify", tmp_path, "--base", base, "--json") == 1
    found = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert not found["pipeline"]["holds"]
    assert not found["unchanged"]["holds"]


def test_measure_takes_many_files_and_tokenizers(base: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("measure", base, made, "--texts", *ZH, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    files = [(row["tokenizer"], row["texts"]) for row in rows if row["by"] == "file"]
    assert files == [(str(t), z) for z in ZH for t in (base, made)]
    assert {row["texts"] for row in rows if row["by"] == "language"} == {"zh-Hans", "zh-Hant"}
    assert run("measure", made, "--base", base, "--texts", *ZH) == 0
    shown = capsys.readouterr().out
    assert "characters/token" in shown
    assert max(map(columns_of, shown.splitlines())) <= 120


def test_resize_writes_a_model_transformers_loads(base: Path, made: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from small_model import write_small_model
    from transformers import AutoModelForCausalLM

    model = write_small_model(tmp_path / "model", base)
    assert run("resize", "--model", model, "--tokenizer", made, "--out", tmp_path / "zh") == 0
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "zh").config.vocab_size == 1280
    facts = hanhua.resize(model, tokenizer=made, out=tmp_path / "from python")
    assert facts["vocab_size"] == 1280
    weights = [tmp_path / folder / "model.safetensors" for folder in ("zh", "from python")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert run("resize", "--model", model, "--tokenizer", made, "--out", tmp_path / "zh") == 2


def test_split_is_the_one_read_of_a_folder_with_several(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that `save_to_disk` wrote holds each split in a folder of its own."""
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}', encoding="utf-8")
    for split, text in (("train", "我们去图书馆看书。"), ("test", "今天天气很好，大家都出来走路。")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "texts.jsonl").write_text(json.dumps({"text": text * 4}) + "\n", encoding="utf-8")
    characters = {}
    for split in ("train", "test"):
        assert run("measure", base, "--texts", tmp_path, "--split", split, "--json") == 0
        characters[split] = capsys.readouterr().out
        assert f"{split}/texts.jsonl" in characters[split]
    assert characters["train"] != characters["test"]
    assert run("measure", base, "--texts", tmp_path, "--split", "validation") == 2
    assert "it has train, test" in capsys.readouterr().err
