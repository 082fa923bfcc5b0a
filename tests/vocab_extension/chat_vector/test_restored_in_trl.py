"""The script of docs/chat.md, run as it stands there on a restored model: it trains, stops, saves and reloads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from repository import ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("trl", reason="needs the extra trl")

from model_family import write_family  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig  # noqa: E402
from hanhua.vocab_extension.chat_vector.restore import restore_folder  # noqa: E402

PAGE = ROOT / "docs" / "chat.md"
PROMPTS = ("你好", "今天天气怎么样？", "杭州在哪里？", "Who are you?", "谢谢你", "讲个故事")
ANSWER = "好的，我们去公园。"
pytestmark = pytest.mark.slow


def script() -> str:
    """Return the one Python block of the page."""
    section = PAGE.read_text(encoding="utf-8").partition("### TRL")[2].partition("###")[0]
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", section, flags=re.MULTILINE)
    return dedent(max(blocks, key=len)).strip() + "\n"


def test_the_script_of_the_page_teaches_a_restored_model_to_answer_and_stop(
    base: Path, extension: Path, tmp_path: Path
) -> None:
    family = write_family(tmp_path, base, extension)
    restored, tuned, code, data = (tmp_path / name for name in ("restored", "tuned", "tune.py", "chats.jsonl"))
    config = ChatVectorConfig(instruct=str(family.instruct), repair_special_rows=True)
    restore_folder(family.adapted, base=family.base, instruct=family.instruct, out=restored, config=config)
    code.write_text(script(), encoding="utf-8")
    chats = [
        {"prompt": [{"role": "user", "content": p}], "completion": [{"role": "assistant", "content": ANSWER}]}
        for p in PROMPTS
    ]
    data.write_text("".join(json.dumps(chat) + "\n" for chat in chats), encoding="utf-8")
    assert reply(restored) != (ANSWER, True), "nothing was left to teach"
    line = [sys.executable, str(code), str(restored), str(data), str(tuned), "1e-2", "60"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert reply(tuned) == (ANSWER, True)
    ours, theirs = (AutoModelForCausalLM.from_pretrained(folder) for folder in (restored, tuned))
    assert ours.get_input_embeddings().weight.shape == theirs.get_input_embeddings().weight.shape
    before, after = (AutoTokenizer.from_pretrained(folder) for folder in (restored, tuned))
    assert before(ANSWER).input_ids == after(ANSWER).input_ids and before.chat_template == after.chat_template


def reply(folder: Path) -> tuple[str, bool]:
    """Return what the model says to a prompt it was not taught, and whether it ended its turn."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "我们去哪里？"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    out = model.generate(**prompt, max_new_tokens=30, do_sample=False, pad_token_id=0)[0, prompt.input_ids.shape[1] :]
    return tokenizer.decode(out, skip_special_tokens=True), int(out[-1]) in model.generation_config.eos_token_id
