"""Tiny models, loaded once, and held-out documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tiny_eval import (
    CHINESE,
    ENGLISH,
    extend_tokenizer,
    random_network,
    save_model,
    train_tokenizer,
    uniform_network,
)
from tokenizers import Tokenizer

from hanhua.base_tokenizer import BOS, EOS
from hanhua.documents import Document
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import ModelFolder, open_model_folder


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return train_tokenizer()


@pytest.fixture(scope="session")
def extended(tokenizer: Tokenizer) -> Tokenizer:
    return extend_tokenizer(tokenizer)


@pytest.fixture(scope="session")
def make_model(
    tokenizer: Tokenizer, extended: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., ModelFolder]:
    """Return a maker of random models; `padded_rows` more than the tokenizer has, on demand."""

    def make(
        name: str, *, seed: int = 0, extend: bool = False, padded_rows: int = 0, uniform: bool = False
    ) -> ModelFolder:
        own = extended if extend else tokenizer
        rows = own.get_vocab_size(with_added_tokens=True) + padded_rows
        ids = {"bos": own.token_to_id(BOS), "eos": own.token_to_id(EOS)}
        network = uniform_network(rows, **ids) if uniform else random_network(rows, seed=seed, **ids)
        folder = tmp_path_factory.mktemp("models") / name / "model"
        return open_model_folder(name, save_model(network, own, folder))

    return make


@pytest.fixture(scope="session")
def base(make_model: Callable[..., ModelFolder]) -> ModelFolder:
    return make_model("base", seed=1)


@pytest.fixture(scope="session")
def base_model(base: ModelFolder) -> LoadedModel:
    return load_model(base)


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    """Return held-out documents of two corpora, of very different lengths."""
    texts = [("zh", text * times) for times, text in enumerate(CHINESE, 1)] + [("en", text) for text in ENGLISH]
    return [
        Document(
            id=f"{corpus}:file#{number}",
            text=text,
            corpus=corpus,
            source=f"{corpus}-{number % 2}",
            language=corpus,
            split="heldout",
        )
        for number, (corpus, text) in enumerate(texts)
    ]
