"""A release in the hands of programs that know nothing of Hanhua: transformers, llama.cpp, TRL."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mini_run import DATA, write_recipe
from program import command, hanhua
from repository import ROOT
from small_llama import CHAT_TEMPLATE

LINES = 10_000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = write_recipe(tmp_path_factory.mktemp("mini"))
    for settings in (recipe.parent / "tokenizer").rglob("tokenizer_config.json"):
        said = json.loads(settings.read_text(encoding="utf-8"))
        settings.write_text(json.dumps({**said, "chat_template": CHAT_TEMPLATE}), encoding="utf-8")
    made = hanhua("run", recipe, "--runs", recipe.parent / "runs")
    return Path(made["paths"]["release folder"])


@pytest.fixture(scope="module")
def tokenizer(release: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(release)


def lines() -> list[str]:
    """Cut ten thousand different pieces, Chinese, English and both, out of the quickstart's texts."""
    dice = random.Random(0)
    texts = [
        json.loads(line)["text"]
        for name in ("zh_hans_a", "zh_hans_b", "zh_hant", "en", "dirty")
        for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")  # a text may hold U+0085
        if line
    ]
    found: dict[str, None] = {}
    while len(found) < LINES:
        text = dice.choice(texts)
        begin = dice.randrange(max(1, len(text) - 5))
        found[" ".join(text[begin : begin + dice.randint(5, 120)].split())] = None
    return list(found)


def test_plain_transformers_reads_it_and_stops(release: Path) -> None:
    code = (
        "import sys; sys.modules['hanhua'] = None\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "model = AutoModelForCausalLM.from_pretrained(sys.argv[1])\n"
        "tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "prompt = tokenizer.apply_chat_template([{'role': 'user', 'content': '你好'}], tokenize=False)\n"
        "assert 'user' in prompt and tokenizer.chat_template\n"
        "ends = model.generation_config.eos_token_id\n"
        "ends = ends if isinstance(ends, list) else [ends]\n"
        "from transformers import LogitsProcessor\n"
        "class End(LogitsProcessor):\n"
        "    def __init__(self, end, after): self.end, self.after = end, after\n"
        "    def __call__(self, ids, scores):\n"
        "        if ids.shape[1] >= self.after: scores[:, self.end] = 1e4\n"
        "        return scores\n"
        "for end in ends:\n"
        "    ids = tokenizer('杭州', return_tensors='pt').input_ids\n"
        "    out = model.generate(ids, max_new_tokens=40, do_sample=False, pad_token_id=0,\n"
        "                         logits_processor=[End(end, ids.shape[1] + 5)])\n"
        "    assert out.shape[1] == ids.shape[1] + 6 and out[0, -1] == end, (end, out)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(release)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_llama_cpp_reads_ten_thousand_lines_alike_has_the_template_and_stops(
    release: Path, tokenizer: Any, tmp_path: Path
) -> None:
    llama_cpp = pytest.importorskip("llama_cpp", reason="needs the extra llama-cpp")
    out = tmp_path / "model.gguf"
    line = [
        sys.executable,
        "-m",
        "hanhua.cli.vocab_extension",
        "export",
        str(release),
        "--format",
        "gguf",
        "--out",
        str(out),
    ]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    model = llama_cpp.Llama(model_path=str(out), n_ctx=512, verbose=False, n_threads=1)
    different = [
        text
        for text in lines()
        if model.tokenize(text.encode(), add_bos=False, special=False)
        != tokenizer.encode(text, add_special_tokens=False)
    ]
    assert different == []
    assert model.metadata["tokenizer.chat_template"] == tokenizer.chat_template
    end = model.token_eos()
    assert end == tokenizer.eos_token_id
    answer = model.create_completion("杭州西湖", max_tokens=40, temperature=0.0, logit_bias={str(end): 1e4})
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_twenty_lines_of_trl_fine_tune_it_without_a_resize(release: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="needs the extra trl")
    script = ROOT / "tests" / "fine_tune.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 30
    done = subprocess.run(
        [sys.executable, str(script), str(release), str(tmp_path / "tuned")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_its_gguf_has_a_modelfile(release: Path, tmp_path: Path) -> None:
    line = [*command()[:2], "hanhua.cli.vocab_extension", "export", str(release), "--format", "gguf"]
    done = subprocess.run([*line, "--out", str(tmp_path / "m.gguf")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "m.Modelfile").read_text(encoding="utf-8")
    assert "FROM" in text and "stop" in text
