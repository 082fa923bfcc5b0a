"""Benchmarks through a chat template: examples are turns, special tokens are themselves, thinking is off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_eval import random_network, save_model
from tokenizers import Tokenizer
from typer.testing import CliRunner

from hanhua.base_tokenizer import BOS, EOS
from hanhua.cli.eval import app
from hanhua.documents.compression import open_decompressed
from hanhua.eval.engine.language_model import ScoringLM
from hanhua.eval.engine.loaded_model import load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.runner import runner_of

TURN = "<|turn|>"
TEMPLATE = (
    "{% for m in messages %}{{ '<|turn|>' + m.role + ':' + m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant:{% if enable_thinking is not false %}<think>{% endif %}{% endif %}"
)


@pytest.fixture(scope="module")
def chat_model(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose template does not begin with BOS, and whose turns begin with a special token."""
    own = Tokenizer.from_str(tokenizer.to_str())
    own.add_special_tokens([TURN])
    rows = own.get_vocab_size(with_added_tokens=True)
    network = random_network(rows, seed=5, bos=own.token_to_id(BOS), eos=own.token_to_id(EOS))
    folder = save_model(network, own, tmp_path_factory.mktemp("chat") / "model")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    for split in ("test", "dev"):
        (folder / "cmmlu" / split).mkdir(parents=True)
        rows = "".join(f"{n},{split}第{n}题？,甲,乙,丙,丁,{'ABCD'[n % 4]}\n" for n in range(5))
        (folder / "cmmlu" / split / "law.csv").write_text(f",Question,A,B,C,D,Answer\n{rows}", encoding="utf-8")
    return folder


def prompts(out: Path, name: str, model: str = "tiny") -> list[str]:
    with open_decompressed(out / "samples" / model / f"{name}.jsonl.zst") as file:
        return [json.loads(line)["prompt"] for line in file]


def test_both_ways_stand_side_by_side(chat_model: Path, bench: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--task=cmmlu", "--shots=2", "--both-ways", "--system=请直接回答。", "--max-questions=3")
    result = CliRunner().invoke(app, [f"--model=tiny={chat_model}", f"--data={bench}", *options, f"--out={out}"])
    assert result.exit_code == 0, result.output
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    formats = {name: found["tiny"]["prompt_format"] for name, found in scores["benchmarks"].items()}
    assert formats == {"cmmlu": "raw", "cmmlu@chat": "chat"}
    for prompt in prompts(out, "cmmlu@chat"):
        turns = [turn.partition(":")[0] for turn in prompt.split(TURN)[1:]]
        assert turns == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
        assert prompt.startswith(f"{TURN}system:请直接回答。") and "<think>" not in prompt
    assert all(TURN not in prompt for prompt in prompts(out, "cmmlu"))
    assert "asked through the chat template" in result.stdout


def test_a_model_without_a_template_is_asked_plainly_and_the_table_says_so(
    chat_model: Path, bench: Path, tmp_path: Path
) -> None:
    plain, out = tmp_path / "plain", tmp_path / "out"
    plain.mkdir()
    for file in chat_model.iterdir():
        if file.name != "chat_template.jinja":
            (plain / file.name).write_bytes(file.read_bytes())
    models = (f"--model=base={plain}", f"--model=tuned={chat_model}")
    result = CliRunner().invoke(
        app, [*models, f"--data={bench}", "--task=cmmlu", "--shots=1", "--chat", f"--out={out}"]
    )
    assert result.exit_code == 0, result.output
    row = next(line for line in result.stdout.splitlines() if "asked through the chat template" in line)
    assert row.split()[-2:] == ["no", "yes"]
    assert TURN not in prompts(out, "cmmlu", "base")[0] and TURN in prompts(out, "cmmlu", "tuned")[0]


def test_special_tokens_of_a_template_are_themselves(chat_model: Path) -> None:
    model = load_model(open_model_folder("tiny", chat_model))
    turn = model.tokenizer.convert_tokens_to_ids(TURN)
    written = f"{TURN}user:你好"
    assert ScoringLM(runner_of(model, batch_size=1), in_chat=True).tok_encode(written)[0] == turn
    assert turn not in ScoringLM(runner_of(model, batch_size=1)).tok_encode(written), "in a text it is text"
