"""A model that learned two answers by heart, talked to by the real command."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from program import call
from small_llama import write_small_base

torch = pytest.importorskip("torch")

from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM  # noqa: E402

from hanhua.cli.conversation import Sampling, open_conversation  # noqa: E402
from hanhua.errors import InputError  # noqa: E402

BOS, EOS, EOM, EOT = 768, 769, 776, 777
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + m.content }}"
    "{% if not loop.last or m.role != 'assistant' %}{{ '<|eot_id|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
ANSWERS = {"你好": ("认识鱻很高兴！", EOT), "call": ("print(1)", EOM)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chat") / "model"
    folder.mkdir()
    write_small_base(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, bos_token_id=BOS, eos_token_id=[EOS, EOM, EOT], max_position_embeddings=128,
    )  # fmt: skip
    network = LlamaForCausalLM(config)
    rows = [examples(tokenizer, question, *answer) for question, answer in ANSWERS.items()]
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-2)
    for _ in range(80):
        loss = sum(network(input_ids=ids, labels=labels).loss for ids, labels in rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    network.generation_config = GenerationConfig(eos_token_id=[EOS, EOM, EOT], do_sample=True, temperature=0.6)
    network.save_pretrained(folder)
    return folder


def examples(tokenizer: Any, question: str, answer: str, end: int) -> tuple[Any, Any]:
    asked = [{"role": "user", "content": question}]
    prompt = tokenizer(
        tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True), add_special_tokens=False
    )["input_ids"]
    reply = [*tokenizer(answer, add_special_tokens=False)["input_ids"], end]
    return torch.tensor([prompt + reply]), torch.tensor([[-100] * len(prompt) + reply])


def chat(model: Path, said: str | bytes, *options: str) -> subprocess.CompletedProcess[str]:
    return call("chat", model, *options, said=said)


def test_each_line_is_a_turn_and_every_end_token_stops(model: Path) -> None:
    done = chat(model, "你好\n/reset\n\ncall\n/quit\n你好\n", "--temperature", "0", "--json")
    assert done.returncode == 0, done.stderr
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert [reply["reply"] for reply in replies] == [text for text, _ in ANSWERS.values()]
    assert all(reply["stopped"] for reply in replies)
    assert all(reply["tokens"] > 2 and reply["characters_per_second"] > 0 for reply in replies)


def test_figures_stand_behind_a_reply(model: Path) -> None:
    done = chat(model, "你好\n", "--temperature", "0", "--max-new-tokens", "3")
    assert done.returncode == 0, done.stderr
    assert ANSWERS["你好"][0].startswith(done.stdout.strip().rstrip("\ufffd"))
    assert "3 out" in done.stderr
    assert "cut at --max-new-tokens" in done.stderr


def test_pieces_add_up_to_the_reply_with_whole_characters(model: Path) -> None:
    talk = open_conversation(model, sampling=Sampling(temperature=0.0, max_new_tokens=64))
    pieces: list[str] = []
    reply = talk.ask("你好", show=pieces.append)
    assert "".join(pieces) == reply.text == ANSWERS["你好"][0]
    assert len(pieces) > 3
    assert "\ufffd" not in "".join(pieces)
    assert [turn["role"] for turn in talk.turns] == ["user", "assistant"]


def test_what_no_longer_fits_is_left_out_from_the_front(model: Path) -> None:
    talk = open_conversation(model, sampling=Sampling(temperature=0.0, max_new_tokens=32), system="简短。")
    dropped = [talk.ask("你好", show=lambda _: None).dropped for _ in range(6)]
    assert dropped[0] == 0
    assert max(dropped) >= 2
    with pytest.raises(InputError, match="has room for 96"):
        talk.ask("长" * 200, show=lambda _: None)


def test_a_base_model_is_refused(model: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(model, tmp_path / "base"))
    (base / "chat_template.jinja").unlink()
    done = chat(base, "你好\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "hanhua restore" in done.stderr


@pytest.mark.parametrize(
    "encoding", ["gb18030", *(pytest.param(name, marks=pytest.mark.slow) for name in ("utf-8-sig", "big5"))]
)
def test_standard_input_may_be_in_another_encoding(model: Path, encoding: str) -> None:
    said = (
        "你好，今天的天氣怎麼樣？我們一起去。\n你好\n"
        if encoding == "big5"
        else "你好，今天天气怎么样？我们一起去。\n你好\n"
    )
    words = ("chat", model, "--temperature", "0", "--json", "--max-new-tokens", "8")
    done = call(*words, said=said.encode(encoding))
    assert done.returncode == 0, done.stderr
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert [reply["user"] for reply in replies] == said.split()
    assert ("GB18030" in done.stderr) is (encoding == "gb18030")


def test_what_is_in_no_encoding_is_refused_by_a_sentence(model: Path) -> None:
    done = call("chat", model, said=b"\xff\xfe\xfd\n")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "standard input, line 1: not UTF-8 (byte 0" in done.stderr


def test_a_turn_that_is_too_long_does_not_end_the_conversation(model: Path) -> None:
    options = ("--temperature", "0", "--json", "--max-new-tokens", "20")
    done = chat(model, f"你好\n{'很长' * 400}\n你好\n", *options)
    assert done.returncode == 0, done.stderr
    first, long, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert long["reply"] is None and "has room for" in long["error"]
    assert first["reply"] == ANSWERS["你好"][0] and last["user"] == "你好" and last["reply"]
    assert "the conversation goes on without it" in done.stderr


def test_ctrl_c_at_the_prompt_says_what_is_true(model: Path) -> None:
    """Nothing was being written, so nothing was stopped and nothing is to be resumed."""
    master, slave = pty.openpty()
    words = [sys.executable, "-c", ON_TERMINAL, sys.executable, "-m", "hanhua.cli.main", "chat", str(model)]
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    with process:
        try:
            seen = read_until(master, "> ")
            seen += read_until(master, "Ctrl-D or /quit exits", press=b"\x03")
            os.write(master, b"/quit\n")
            assert process.wait(timeout=60) == 0, seen
        finally:
            process.kill()
    os.close(master)
    assert "no reply was being written" in seen and "Traceback" not in seen


# A suite that a shell started in the background ignores interrupts, and what it starts would too.
ON_TERMINAL = (
    "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)


def read_until(terminal: int, text: str, *, press: bytes = b"") -> str:
    """Return what is shown until a text. press: a key, pressed again every few seconds as a person would."""
    seen, deadline, next_press = "", time.monotonic() + 120, 0.0
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if press and time.monotonic() > next_press:
            os.write(terminal, press)
            next_press = time.monotonic() + 5
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
    return seen
