"""A tokenizer, models and a Corpus small enough to train in a second; made for each session, nothing downloaded."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_corpus import NEW_TOKENS, make_corpus, make_documents
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from hanhua.artifacts import Artifact, write_manifest
from hanhua.base_tokenizer import BOS, EOS

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE of some 400 tokens with Llama's two marks, as plain transformers loads it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([d.text for d in make_documents()], trainer)
    tokenizer.add_special_tokens([BOS, EOS, "<|eot_id|>"])
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text("{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}")
    return folder


@pytest.fixture(scope="session")
def vocabulary_size(tokenizer_folder: Path) -> int:
    return Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json")).get_vocab_size()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_corpus(tmp_path_factory.mktemp("corpus") / "corpus", make_documents())


ModelMaker = Callable[..., Artifact]


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path, vocabulary_size: int) -> ModelMaker:
    """A seeded Llama of two layers, its last NEW_TOKENS tokens taken for new ones."""

    def make(*, tied: bool = False, new: bool = True, dtype: str = "float32", shard: str = "1GB") -> Artifact:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=vocabulary_size,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
            tie_word_embeddings=tied,
            bos_token_id=vocabulary_size - 3,
            eos_token_id=[vocabulary_size - 2, vocabulary_size - 1],
            initializer_range=0.1,
        )
        out = tmp_path_factory.mktemp("resized")
        LlamaForCausalLM(config).to(getattr(torch, dtype)).save_pretrained(out / "model", max_shard_size=shard)
        for path in tokenizer_folder.iterdir():
            shutil.copyfile(path, out / "model" / path.name)
        facts = {"first_new_id": vocabulary_size - 3 - NEW_TOKENS} if new else {}
        return write_manifest(out, kind="resized", config={}, inputs={}, facts=facts)

    return make


@pytest.fixture(scope="session")
def resized(make_model: ModelMaker) -> Artifact:
    return make_model()


@pytest.fixture
def settings() -> dict[str, object]:
    """Settings that suit the tiny model; a run of 12 steps."""
    return {
        "sequence_length": 64,
        "micro_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "max_tokens": 64 * 4 * 12,
        "weights": {"zh": 0.75, "en_replay": 0.25},
        "learning_rate": 1e-2,
        "embedding_learning_rate": 5e-3,
        "lora": {"rank": 4, "alpha": 8},
        "threads": 1,
        "save_steps": 4,
    }
