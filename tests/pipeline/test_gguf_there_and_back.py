"""A real model's GGUF file in, adapted, and a GGUF file out, which llama.cpp reads as transformers reads the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from repository import QUICKSTART, SMOLLM2, skip_without_package

pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")
pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
torch = pytest.importorskip("torch")

from mixed_texts import mixed_texts  # noqa: E402
from running_llama_cpp import LlamaCpp  # noqa: E402
from small_llama import chinese_texts  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from hanhua.pipeline.recipe.load import load_recipe  # noqa: E402
from hanhua.pipeline.runner import run  # noqa: E402
from hanhua.vocab_extension.export.gguf_file import export_gguf  # noqa: E402

pytestmark = pytest.mark.slow
LINES = 5000
RECIPE = f"""\
name: SmolLM2-zh-short
base: {{model: "package:{SMOLLM2}"}}
corpora:
  zh: {{path: "{QUICKSTART}/zh_hans_a.jsonl", language: zh, weight: 0.8, license: Apache-2.0}}
  chat: {{path: "{QUICKSTART}/chat_en.jsonl", language: other, weight: 0.2, license: Apache-2.0}}
vocab_extension: {{new_tokens: 256, dictionary_weight: 0}}
continued_pretrain:
  max_tokens: 2048
  sequence_length: 256
  micro_batch_size: 2
  gradient_accumulation_steps: 1
  chat_corpora: [chat]
  lora: {{rank: 8}}
"""


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    skip_without_package(SMOLLM2)
    folder = tmp_path_factory.mktemp("run")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    made = run(load_recipe(recipe), runs=folder / "runs").artifacts
    assert made["base"].facts["gguf"]["quantization"] == "Q4_1"
    assert made["vocab_extension"].facts["new_tokens"] == 256
    return made["continued_pretrain"].path / "model"


@pytest.fixture(scope="module")
def llama_cpp(adapted: Path, tmp_path_factory: pytest.TempPathFactory) -> LlamaCpp:
    done = export_gguf(adapted, tmp_path_factory.mktemp("out") / "adapted.gguf", dtype="f32")
    return LlamaCpp(done.gguf)


def test_ids_are_those_of_transformers(adapted: Path, llama_cpp: LlamaCpp) -> None:
    tokenizer = AutoTokenizer.from_pretrained(adapted)
    chinese = [text[at : at + 40] for text in chinese_texts() for at in range(0, len(text), 40)]
    texts = [*mixed_texts(LINES - len(chinese), seed=7), *chinese]
    assert len(texts) == LINES
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    assert [text for text, own in zip(texts, ids, strict=True) if own != llama_cpp.ids(text)] == []
    new = sum(id_ >= len(tokenizer) - 256 for row in ids for id_ in row)
    assert new > LINES, "the new tokens are met"


def test_it_goes_on_as_transformers_does(adapted: Path, llama_cpp: LlamaCpp) -> None:
    model, tokenizer = AutoModelForCausalLM.from_pretrained(adapted), AutoTokenizer.from_pretrained(adapted)
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    question = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    for text in (question, "春天来了，", "The history of the printing press"):
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")
        with torch.no_grad():
            written = model.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids["input_ids"].shape[1] :]
        expected = tokenizer.decode(written, skip_special_tokens=True)
        assert llama_cpp.continuation(text, tokens=12) == expected
        table = llama_cpp.log_probabilities(ids["input_ids"][0].tolist(), most=20)
        with torch.no_grad():
            own = model(**ids).logits[0, -1].log_softmax(-1)
        assert max(abs(float(own[id_]) - value) for id_, value in table.items()) < 0.005
