from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_llama import QUICKSTART
from tokenizers import Tokenizer

from hanhua.cli import vocab_extension as command
from hanhua.cli.entry import run_command

ZH = [str(path) for path in sorted(QUICKSTART.glob("zh_*.jsonl"))]


def run(*words: object) -> int:
    return run_command(lambda: command.app([str(word) for word in words]))


@pytest.fixture(scope="module")
def swept(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that learned from a corpus, with its folder."""
    out = tmp_path_factory.mktemp("sweep") / "out"
    plot = out.with_name("sweep.svg")
    words = ("--base", base, "--corpus", *ZH, "--texts", *ZH[:1], "--sizes", "256,512", "--budget-mb", "0.2")
    assert run("sweep", *words, "--min-seen", 5, "--out", out, "--plot", plot) == 0
    return out


def sweep_json(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    assert run("sweep", *words, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_the_folder_holds_figures_list_drawing_and_the_tokenizer_advised(swept: Path, base: Path) -> None:
    found = json.loads((swept / "sweep.json").read_text(encoding="utf-8"))
    text = (swept / "sweep.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 120
    assert found["recommendation"]["words"][0] in text
    assert swept.with_name("sweep.svg").read_text(encoding="utf-8").count("<svg") == 1
    size = found["recommendation"]["new_tokens"]
    assert size in (256, 512)
    assert Tokenizer.from_file(str(swept / "advised" / "tokenizer.json")).get_vocab_size() == 1024 + size
    assert run("verify", swept / "advised", "--base", base) == 0
    assert (swept / "learned" / "extension.json").is_file()


def test_from_the_extension_it_is_the_same_as_from_the_corpus(
    swept: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--base", base, "--corpus", *ZH, "--texts", *ZH[:1], "--sizes", "256,512", "--budget-mb", "0.2")
    found = sweep_json(capsys, *words, "--min-seen", 5, "--extension", swept / "learned")
    assert found.pop("texts") == ZH[:1]
    assert found == json.loads((swept / "sweep.json").read_text(encoding="utf-8"))


def test_the_json_keeps_its_names(base: Path, extension: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = sweep_json(
        capsys, "--base", base, "--extension", extension, "--texts", *ZH, "--sizes", 256, "--budget-tokens", 1e6
    )
    assert set(found) == {
        "texts",
        "documents",
        "characters",
        "bytes",
        "sample_characters",
        "budget",
        "model",
        "pretokens",
        "tokens_at_sizes",
        "sizes",
        "recommendation",
    }
    assert set(found["sizes"][1]) == {
        "new_tokens",
        "characters_per_token",
        "characters_per_token_interval",
        "gain",
        "gain_interval",
        "step_gain_per_1000",
        "step_gain_per_1000_interval",
        "by_file",
        "boundaries_inside",
        "tokens_to_train",
        "tokens_saved",
        "costs",
        "times_seen",
    }
    assert set(found["sizes"][1]["costs"]) == {
        "parameters_added",
        "bytes_added",
        "parameters_added_share",
        "head_flops_added_per_token",
        "flops_per_character",
        "flops_saved_per_character",
        "flops_saved_share",
        "tokens_per_1000_characters",
        "tokens_saved_per_1000_characters",
        "cache_bytes_per_1000_characters",
        "cache_bytes_saved_per_1000_characters",
    }
    assert set(found["sizes"][1]["times_seen"]) == {
        "median",
        "tenth_percentile",
        "share_enough",
        "enough",
        "never_in_sample",
        "budget_factor",
    }
    assert set(found["recommendation"]) == {
        "new_tokens",
        "words",
        "rule",
        "verdicts",
        "by_share",
        "extend",
        "share_seen",
    }
    assert found["budget"]["tokens"] == 1e6


def test_little_text_advises_against_and_much_for(
    base: Path, extension: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--base", base, "--extension", extension, "--corpus", *ZH, "--texts", *ZH, "--sizes", "256,512")
    small = sweep_json(capsys, *words, "--budget-mb", 1)["recommendation"]
    assert (small["new_tokens"], small["extend"]) == (0, False)
    assert "seen 1,000 times or more in 1 MB" in " ".join(small["words"])
    assert sweep_json(capsys, *words, "--budget-mb", 100_000)["recommendation"]["extend"]


def test_by_default_it_measures_on_what_was_held_out_and_trains_on_the_corpus_once(
    base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [json.loads(line) for path in ZH for line in Path(path).read_text(encoding="utf-8").splitlines()]
    for number, record in enumerate(records):
        record["split"] = "heldout" if number % 10 == 0 else "train"
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    found = sweep_json(capsys, "--base", base, "--extension", extension, "--corpus", corpus, "--sizes", 256)
    texts = [record["text"] for record in records]
    assert found["characters"] == sum(map(len, texts[::10]))
    assert found["sample_characters"] == sum(map(len, texts)) - found["characters"]
    assert found["budget"]["megabytes"] == pytest.approx(sum(len(text.encode()) for text in texts) / 1e6, abs=0.001)


def test_texts_that_were_learned_from_are_named(
    base: Path, extension: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--base", base, "--extension", extension, "--sizes", 256, "--budget-mb", 1)
    assert run("sweep", *words, "--corpus", *ZH, "--texts", ZH[0]) == 0
    assert f"so these compress better than new text would: {ZH[0]}" in capsys.readouterr().err
    assert run("sweep", *words, "--corpus", *ZH[1:], "--texts", ZH[0]) == 0
    assert "compress better" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--texts", "ZH"), "give --corpus to learn tokens from"),
        (("--extension", "EXT"), "nothing to measure on"),
        (("--extension", "EXT", "--texts", "ZH"), "add --budget-mb or --budget-tokens"),
        (("--corpus", "ZH", "--budget-mb", "1", "--budget-tokens", "5"), "give one of them"),
        (("--corpus", "ZH", "--sizes", "many"), "expected whole numbers"),
        (("--corpus", "ZH", "--model", "7b"), "one of 1b, 3b, 8b, 70b, 405b"),
        (("--corpus", "ZH", "--model-config", "missing.json"), "no such file"),
        (("--corpus", "ZH", "--plot", "sweep.pdf"), "ends with .svg or .png"),
        (("--extension", "BASE", "--texts", "ZH", "--budget-mb", "1"), "no new tokens"),
    ],
)
def test_mistakes_end_with_2_and_a_sentence(
    base: Path, extension: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    places = {"ZH": ZH[0], "EXT": extension, "BASE": base}
    assert run("sweep", "--base", base, *(places.get(word, word) for word in words)) == 2
    assert message in capsys.readouterr().err
