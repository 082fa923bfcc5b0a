"""What makes a score less than it seems is counted and shown: cut prompts, parts of a benchmark, ends of answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_eval import CHINESE, chain_network, random_network, save_model
from tokenizers import Tokenizer
from transformers import GenerationConfig
from typer.testing import CliRunner

from hanhua.artifacts import open_artifact
from hanhua.base_tokenizer import BOS, EOS
from hanhua.cli.eval import app
from hanhua.errors import HanhuaError, InputError
from hanhua.eval.engine.loaded_model import load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.requests import Sampling
from hanhua.eval.engine.runner import runner_of

CONTEXT = 256
SHORT = "河水流过桥下。"


@pytest.fixture(scope="module")
def short(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model made for 256 tokens."""
    rows = tokenizer.get_vocab_size(with_added_tokens=True)
    network = random_network(rows, seed=4, bos=tokenizer.token_to_id(BOS), eos=tokenizer.token_to_id(EOS))
    network.config.max_position_embeddings = CONTEXT
    return save_model(network, tokenizer, tmp_path_factory.mktemp("short") / "model")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two questions of CMMLU that are too long for it and one that is not; one passage each way of CMRC."""
    folder = tmp_path_factory.mktemp("bench")
    long = "".join(CHINESE) * 2
    for split in ("test", "dev"):
        (folder / "cmmlu" / split).mkdir(parents=True)
        rows = "".join(f"{n},{text}{split},甲,乙,丙,丁,A\n" for n, text in enumerate((long, SHORT, long)))
        (folder / "cmmlu" / split / "law.csv").write_text(f",Question,A,B,C,D,Answer\n{rows}", encoding="utf-8")
    paragraphs = [
        {"context": text, "qas": [{"id": str(n), "question": "谁？", "answers": [{"text": "老人"}]}]}
        for n, text in enumerate((long, SHORT))
    ]
    (folder / "cmrc").mkdir()
    data = json.dumps({"data": [{"paragraphs": paragraphs}]}, ensure_ascii=False)
    (folder / "cmrc" / "cmrc2018_dev.json").write_text(data, encoding="utf-8")
    return folder


def test_cut_prompts_are_counted_by_question_and_stand_in_the_table(short: Path, bench: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tasks = ("--task=cmmlu", "--task=cmrc", "--shots=0")
    result = CliRunner().invoke(app, [f"--model=short={short}", f"--data={bench}", *tasks, f"--out={out}"])
    assert result.exit_code == 0, result.output
    benchmarks = json.loads((out / "scores.json").read_text(encoding="utf-8"))["benchmarks"]
    assert [benchmarks[task]["short"]["truncated"] for task in ("cmmlu", "cmrc")] == [2, 1]
    rows = [line.split() for line in result.stdout.splitlines() if "prompts cut to the model's context" in line]
    assert [row[-3:] for row in rows] == [["2", "of", "3"], ["1", "of", "2"]]
    for part in ("3 of 11,582 questions, 1 of 67 subjects", "2 of 3,219 questions"):
        assert f"not the whole benchmark: {part}" in result.stdout


def test_prompts_of_replies_are_counted_too(short: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    lines = (
        json.dumps({"prompt": text, "category": "x"}, ensure_ascii=False) for text in ("".join(CHINESE) * 2, SHORT)
    )
    prompts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = (f"--prompts={prompts}", f"--out={tmp_path / 'out'}")
    result = CliRunner().invoke(app, [f"--model=short={short}", *options])
    assert result.exit_code == 0, result.output
    row = next(line for line in result.stdout.splitlines() if "prompts cut to the model's context" in line)
    assert row.split()[-3:] == ["1", "of", "2"]


def test_an_answer_leaves_half_the_context_to_the_prompt(short: Path) -> None:
    model = load_model(open_model_folder("short", short))
    seen: list[int] = []
    hook = model.network.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    prompt = [model.bos_id, *model.encode(["".join(CHINESE) * 2])[0]]
    (reply,) = runner_of(model, batch_size=1).generate([prompt], Sampling(4 * CONTEXT))
    hook.remove()
    assert reply.truncated and seen[0] == CONTEXT // 2 and reply.tokens <= CONTEXT // 2


def test_a_model_stops_at_the_end_that_its_tokenizer_alone_names(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """The generation config names the end of a text, the tokenizer that of a turn, as chat models' do."""
    a, b, turn, text_end = (tokenizer.token_to_id(token) for token in ("A", "B", EOS, "C"))
    network = chain_network(tokenizer, then={a: b, b: turn}, otherwise=a)
    network.generation_config = GenerationConfig(bos_token_id=tokenizer.token_to_id(BOS), eos_token_id=text_end)
    network.config.eos_token_id = text_end
    model = load_model(open_model_folder("chat", save_model(network, tokenizer, tmp_path / "chat")))
    assert model.network.generation_config.eos_token_id == text_end
    (reply,) = runner_of(model, batch_size=1).generate([[model.bos_id, a]], Sampling(20))
    assert (reply.text, reply.finished) == ("B", True)


def test_a_benchmark_that_cannot_be_read_is_named_and_the_others_run(short: Path, bench: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    shutil.copytree(bench, folder)
    (folder / "cmrc" / "cmrc2018_dev.json").write_text('{"data": [{"paragraphs":', encoding="utf-8")
    options = (f"--model=short={short}", f"--data={folder}", "--shots=0", f"--out={tmp_path / 'out'}")
    result = CliRunner().invoke(app, list(options))
    assert isinstance(result.exception, HanhuaError) and result.exception.exit_code == 1
    assert "cmrc was left out" in str(result.exception) and "cmrc2018_dev.json" in str(result.exception)
    assert "accuracy, cmmlu" in result.stdout and "accuracy, cmrc: left out" in result.stdout
    scores = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    assert set(scores["benchmarks"]) == {"cmmlu"} and set(scores["left_out"]) == {"cmrc"}
    assert open_artifact(tmp_path / "out", kind="scores").facts["accuracy"]
    # Named, it is not left out: nothing is measured.
    named = CliRunner().invoke(app, [*options[:3], "--task=cmmlu", "--task=cmrc", f"--out={tmp_path / 'named'}"])
    assert isinstance(named.exception, InputError) and not (tmp_path / "named" / "scores.json").exists()


def test_where_nothing_can_be_read_nothing_is_measured(short: Path, bench: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    shutil.copytree(bench / "cmrc", folder / "cmrc")
    (folder / "cmrc" / "cmrc2018_dev.json").write_text("[", encoding="utf-8")
    result = CliRunner().invoke(app, [f"--model=short={short}", f"--data={folder}", f"--out={tmp_path / 'out'}"])
    assert isinstance(result.exception, InputError) and "no benchmark can be read" in str(result.exception)
