"""A small tokenizer of the Llama 3 family, trained in seconds, and the real one; extensions of both."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_llama import chinese_texts, write_small_base
from small_settings import SMALL

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.extend import write_extended
from hanhua.vocab_extension.learning.learn import Learned, learn_tokens
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return chinese_texts()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of 1,024 ids, 256 of them special, in which most Chinese characters are two or three tokens."""
    return write_small_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def base_file(base: Path) -> BpeFile:
    return read_bpe_file(base)


@pytest.fixture(scope="session")
def learned(base: Path, texts: list[str]) -> Learned:
    return learn_tokens([Source("zh", texts)], base=base, config=SMALL)


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory, base_file: BpeFile, learned: Learned) -> Path:
    out = tmp_path_factory.mktemp("extension")
    write_extended(base_file, learned.tokens, out)
    return out


@pytest.fixture(scope="session")
def llama3() -> Path:
    return resolve_base_tokenizer("llama3")


@pytest.fixture(scope="session")
def llama3_extension(tmp_path_factory: pytest.TempPathFactory, llama3: Path, texts: list[str]) -> Path:
    out = tmp_path_factory.mktemp("llama3-zh")
    found = learn_tokens(
        [Source("zh", texts)], base=llama3, config=VocabExtensionConfig(new_tokens=512, min_documents=2)
    )
    write_extended(read_bpe_file(llama3), found.tokens, out)
    return out
