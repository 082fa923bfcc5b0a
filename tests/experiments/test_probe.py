from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from repository import QUICKSTART, ROOT

torch = pytest.importorskip("torch")

from tokenizers import Tokenizer  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from hanhua.base_tokenizer import BOS, EOS  # noqa: E402
from hanhua.cli import vocab_extension as command  # noqa: E402
from hanhua.cli.entry import run_command  # noqa: E402
from hanhua.continued_pretrain.config import ContinuedPretrainConfig  # noqa: E402
from hanhua.continued_pretrain.new_token_settings import RowDistillationSettings, SelfDistillationSettings  # noqa: E402
from hanhua.continued_pretrain.section_settings import LoraSettings  # noqa: E402
from hanhua.documents import read_corpus  # noqa: E402
from hanhua.errors import InputError, MissingExtra, UsageError  # noqa: E402
from hanhua.experiments.probe import ProbeConfig, Probed, probe  # noqa: E402
from hanhua.experiments.probe_corpus import write_probe_corpus  # noqa: E402
from hanhua.experiments.probe_methods import Tried  # noqa: E402

ZH = [str(path) for path in sorted(QUICKSTART.glob("zh_*.jsonl"))]
TRAINING = ContinuedPretrainConfig(
    sequence_length=64,
    micro_batch_size=2,
    gradient_accumulation_steps=1,
    learning_rate=1e-3,
    embedding_learning_rate=1e-3,
    lora=LoraSettings(rank=4),
    threads=1,
)
CONFIG = ProbeConfig(
    ("mean", "random"), steps=3, seeds=1, training=TRAINING, max_heldout=6, max_characters=200, context_tokens=128
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_tokenizer(folder, [])
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=False,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extended")
    write_tokenizer(folder, ["的", "一", "是", "不", "了", "在"])
    return folder


def write_tokenizer(folder: Path, words: list[str]) -> None:
    """Write a tokenizer of 256 bytes and two special tokens, then the words with the merges that lead to them."""
    from tokenizers import pre_tokenizers

    from hanhua.bits import bytes_to_token

    vocab = {bytes_to_token(bytes([byte])): byte for byte in range(256)}
    added = [
        {"id": 256 + n, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True} for n, token in enumerate((BOS, EOS))
    ]  # fmt: skip
    merges: list[list[str]] = []
    vocab.update({BOS: 256, EOS: 257} if words else {})
    for word in words:
        token = bytes_to_token(word.encode())
        for part in (token[:2], token):
            if part not in vocab:
                vocab[part] = len(vocab)
                merges.append([part[:-1], part[-1]])
    spelling = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    data = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": json.loads(spelling.__getstate__()),
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "ignore_merges": True, "vocab": vocab, "merges": merges},
    }
    Tokenizer.from_str(json.dumps(data)).save(str(folder / "tokenizer.json"))
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS}
    (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probe") / "work"


@pytest.fixture(scope="module")
def probed(model: Path, extended: Path, work: Path) -> Probed:
    return probe(CONFIG, model=model, tokenizer=extended, sources=ZH, work=work)


def test_every_method_is_trained_and_measured_on_the_same_text(probed: Probed) -> None:
    assert {standing.method for standing in probed.standings} == {"mean", "random"}
    assert probed.standings[0].difference == 0
    assert probed.standings[1].interval is not None
    for standing in probed.standings:
        assert standing.after < standing.before
    assert (probed.steps, probed.tokens_per_run, probed.seeds) == (3, 3 * 128, 1)
    assert 0 < probed.heldout_documents <= 6


def test_what_training_does_for_the_rows_is_compared_too(model: Path, extended: Path, tmp_path: Path) -> None:
    methods = ("mean", "mean+distilled", "mean+self-distilled", "mean+rows-first", "mean+alternating")
    short = {
        "row_distillation": RowDistillationSettings(steps=2, learning_rate=0.05),
        "self_distillation": SelfDistillationSettings(steps=2, rows_steps=1, embedding_learning_rate=0.05),
    }
    training = TRAINING.model_copy(update=short)
    config = replace(CONFIG, methods=methods, training=training)
    found = {
        one.method: one for one in probe(config, model=model, tokenizer=extended, sources=ZH, work=tmp_path).standings
    }
    assert {*found} == {*methods}
    assert len({one.before for one in found.values()}) == 1
    assert len({one.after for one in found.values()}) == len(methods)
    plain = probe(
        replace(config, methods=methods[:1], training=TRAINING),
        model=model,
        tokenizer=extended,
        sources=ZH,
        work=tmp_path,
    )
    assert found["mean"].after == plain.standings[0].after  # what others are compared by is off in it


def test_ways_that_do_not_go_together_are_said_before_anything_runs(
    model: Path, extended: Path, tmp_path: Path
) -> None:
    training = TRAINING.model_copy(update={"trainable": "lora"})
    config = replace(CONFIG, methods=("mean", "distilled"), training=training)
    with pytest.raises(UsageError, match=r"mean\+calibrated\+distilled: .*rows as they are"):
        probe(config, model=model, tokenizer=extended, sources=ZH, work=tmp_path / "work")
    assert not (tmp_path / "work").exists()
    for name in ("distilled+distilled", "mean+mean+mean", "mean+best"):
        with pytest.raises(UsageError, match="not a way to compare"):
            Tried.parse(name)


def test_no_model_is_left_on_the_disk(probed: Probed, work: Path) -> None:
    assert not list(work.rglob("*.safetensors"))
    assert len(list(work.glob("run-*.json"))) == 3  # the base, and two methods


def test_more_methods_run_only_what_is_missing(probed: Probed, model: Path, extended: Path, work: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in work.glob("run-*.json")}
    wider = replace(CONFIG, methods=("mean", "random", "calibrated+mean"))
    found = probe(wider, model=model, tokenizer=extended, sources=ZH, work=work)
    after = {path: path.stat().st_mtime_ns for path in work.glob("run-*.json")}
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    same = {s.method: (s.before, s.after) for s in probed.standings}
    assert same.items() <= {s.method: (s.before, s.after) for s in found.standings}.items()


def test_a_probe_that_was_killed_goes_on_to_the_same_end(
    probed: Probed, model: Path, extended: Path, tmp_path: Path
) -> None:
    """Killed when it has its first resized model, wherever that finds it."""
    given = {"model": str(model), "tokenizer": str(extended), "work": str(tmp_path / "work"), "sources": ZH}
    code = (
        "import json, sys; from pathlib import Path; from test_probe import CONFIG, probe\n"
        "given = json.loads(sys.argv[1]); paths = {k: Path(given[k]) for k in ('model', 'tokenizer', 'work')}\n"
        "probe(CONFIG, sources=given['sources'], **paths)"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    }
    process = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(given)],
        cwd=Path(__file__).parent,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(tmp_path.glob("work/run-*/resized")):
        time.sleep(0.02)
    process.kill()
    assert process.wait() in (0, -signal.SIGKILL)
    assert list(tmp_path.glob("work/run-*"))
    again = probe(CONFIG, model=model, tokenizer=extended, sources=ZH, work=tmp_path / "work")
    assert again == probed


def test_training_documents_and_held_out_ones_differ(tmp_path: Path) -> None:
    write_probe_corpus(
        ZH, tmp_path / "corpus", train_bytes=20_000, max_heldout=5, text_field="text", split="train", seed=0
    )
    documents = list(read_corpus(tmp_path / "corpus"))
    train = [document.text for document in documents if document.split == "train"]
    heldout = [document.text for document in documents if document.split == "heldout"]
    assert len(heldout) == 5
    assert not set(train) & set(heldout)
    size = sum(len(text.encode()) for text in train)
    assert 20_000 <= size < 20_000 + max(len(text.encode()) for text in train)


def test_a_corpus_keeps_its_own_split_and_too_little_text_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    rows = [{"text": f"第{n}篇。", "split": "heldout" if n < 3 else "train"} for n in range(40)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    limits = {"train_bytes": 10_000, "max_heldout": 10, "text_field": "text", "split": "train", "seed": 0}
    write_probe_corpus([str(file)], tmp_path / "a", **limits)  # type: ignore[arg-type]
    assert sum(document.split == "heldout" for document in read_corpus(tmp_path / "a")) == 3
    file.write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="no document to train on"):
        write_probe_corpus([str(file)], tmp_path / "b", **limits)  # type: ignore[arg-type]


def run(*words: object) -> int:
    return run_command(lambda: command.app([str(word) for word in words]))


def test_the_command_prints_a_table_and_json_from_what_is_kept(
    model: Path, extended: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "training.yaml"
    settings.write_text(json.dumps(TRAINING.model_dump(mode="json", exclude={"weights", "max_tokens"})))
    words = ["probe", "--model", model, "--tokenizer", extended, "--corpus", *ZH, "--config", settings]
    words += ["--steps", "2", "--seeds", "1", "--init", "mean,random", "--out", tmp_path / "out"]
    assert run(*words) == 0
    shown = capsys.readouterr().out
    assert "95% interval" in shown
    assert "next: vocab-extension resize --init " in shown
    assert run(*words, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))
    assert facts["recommended"] in ("mean", "random")
    assert len(facts["verdict"]) == 1


def test_without_torch_the_extra_is_named(
    model: Path, extended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hanhua.experiments.probe.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"\[train\]"):
        probe(CONFIG, model=model, tokenizer=extended, sources=ZH, work=tmp_path)


def test_unknown_methods_are_said_at_once(
    model: Path, extended: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["probe", "--model", model, "--tokenizer", extended, "--corpus", *ZH, "--out", tmp_path / "out"]
    assert run(*words, "--init", "mean,best") == 2
    assert "one of mean, calibrated, gaussian, random" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
