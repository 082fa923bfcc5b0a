"""The tokenizer out of a GGUF file: special tokens, bytes without a token, and llama.cpp's ids for every pre name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")

from mixed_texts import mixed_texts
from small_gguf import Small, Vocabulary, trained_vocabulary, write_small_gguf
from tokenizers import Tokenizer, pre_tokenizers

from hanhua.base.gguf import convert_gguf, pre_tokenizer_of
from hanhua.base.gguf.header import read_gguf_header
from hanhua.base.gguf.tokenizer_files import tokenizer_json
from hanhua.base.gguf.vocabulary import read_vocabulary
from hanhua.errors import InputError
from hanhua.llama_cpp_pre_tokenizers import PRE_TOKENIZERS

TINY = Small(layers=1, hidden=32, heads=2, kv_heads=1, intermediate=32)
KINDS = sorted({kind: name for name, kind in reversed(PRE_TOKENIZERS.items())}.values())
"""One name of each pre-tokenizer."""


def tokenizer_of(path: Path) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(tokenizer_json(read_vocabulary(read_gguf_header(path)))))


@pytest.mark.parametrize("pre", KINDS)
def test_ids_are_those_of_llama_cpp(pre: str, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """With merges across words, digits and marks, a cut in another place gives other ids."""
    pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
    from running_llama_cpp import LlamaCpp

    path = tmp_path / "small.gguf"
    write_small_gguf(path, replace(TINY, pre=pre), vocabulary)
    ours, theirs = tokenizer_of(path), LlamaCpp(path)
    # Where llama.cpp itself only comes near the models' patterns: see the module of pre-tokenizers.
    texts = mixed_texts(
        300, seed=2, wide_spaces=pre != "deepseek-coder", cased_and_marked=pre not in ("tekken", "gpt-4o")
    )
    different = [text for text in texts if ours.encode(text, add_special_tokens=False).ids != theirs.ids(text)]
    assert different == []
    assert ours.encode("a b").ids == theirs.ids("a b", around=True)


@pytest.mark.parametrize(
    ("pre", "text", "pieces"),
    [
        ("llama-bpe", "It'S 12345 天气，好\n\n x", ["It", "'S", " ", "123", "45", " 天气", "，好", "\n\n", " x"]),
        ("smollm", "It'S 123  x", ["It", "'", "S", " ", "1", "2", "3", " ", " x"]),
        ("gpt-2", "it's 12345", ["it", "'s", " 12345"]),
        ("default", "a 12345+", ["a", " 12345"[:1], "123", "45", "+"]),
        ("qwen2", "a 123", ["a", " ", "1", "2", "3"]),
        ("tekken", "fooBar ÉTÉ été/", ["foo", "Bar", " ÉTÉ", " été", "/"]),
        ("gpt-4o", "I'll 1234", ["I'll", " ", "123", "4"]),
        ("deepseek-v3", "中文,abc 12345", ["中文", ",abc", " ", "123", "45"]),
        ("deepseek-coder", "a 12\n中b", ["a", " ", "1", "2", "\n", "中", "b"]),
    ],
)
def test_pieces(pre: str, text: str, pieces: list[str]) -> None:
    splits = pre_tokenizer_of(pre).section()["pretokenizers"][:-1]
    shell = {"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": []}
    shell["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": splits}
    cutter = Tokenizer.from_str(json.dumps(shell)).pre_tokenizer
    assert isinstance(cutter, pre_tokenizers.Sequence)
    assert [piece for piece, _ in cutter.pre_tokenize_str(text)] == pieces


@pytest.mark.parametrize("bos", [None, False, True])
@pytest.mark.parametrize("eos", [None, True])
def test_what_stands_around_a_text(bos: bool | None, eos: bool | None, vocabulary: Vocabulary, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
    from running_llama_cpp import LlamaCpp

    path = tmp_path / "small.gguf"
    for pre in ("llama-bpe", "qwen2"):
        write_small_gguf(path, replace(TINY, pre=pre, add_bos=bos, add_eos=eos), vocabulary)
        ids = tokenizer_of(path).encode("x").ids
        assert ids == LlamaCpp(path).ids("x", around=True)
        begins = bos if bos is not None else pre == "llama-bpe"
        assert len(ids) == 1 + begins + bool(eos)


@pytest.mark.parametrize(("pre", "whole"), [("llama-bpe", True), ("tekken", True), ("gpt-2", False), ("qwen2", False)])
def test_a_piece_that_is_a_token_no_merge_makes(pre: str, whole: bool, vocabulary: Vocabulary, tmp_path: Path) -> None:
    unreachable = replace(vocabulary, tokens=[*vocabulary.tokens, "qvwk"], types=[*vocabulary.types, 1])
    path = tmp_path / "small.gguf"
    write_small_gguf(path, replace(TINY, pre=pre), unreachable)
    ids = tokenizer_of(path).encode("qvwk", add_special_tokens=False).ids
    assert (ids == [len(vocabulary.tokens)]) is whole
    pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
    from running_llama_cpp import LlamaCpp

    assert LlamaCpp(path).ids("qvwk") == ids


def test_an_unknown_pre_tokenizer_is_refused(vocabulary: Vocabulary, tmp_path: Path) -> None:
    write_small_gguf(tmp_path / "small.gguf", replace(TINY, pre="kimi-k2"), vocabulary)
    with pytest.raises(
        InputError, match=r"small.gguf: tokenizer.ggml.pre is kimi-k2; .* known here: .*llama-bpe.*smollm"
    ):
        convert_gguf(tmp_path / "small.gguf", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bytes_without_a_token_are_dropped_and_keep_their_neighbours_apart(tmp_path: Path) -> None:
    letters = {byte: chr(0x100 + byte) for byte in (4, 6)}  # GPT-2's alphabet for these two
    vocabulary = trained_vocabulary(["!!!!" * 3] * 4, 300, without_bytes="".join(letters.values()))
    assert "! !" in vocabulary.merges
    path = tmp_path / "small.gguf"
    write_small_gguf(path, replace(TINY, pre="gpt-2"), vocabulary)
    ours = tokenizer_of(path)
    apart = ours.encode("!\x04!").ids
    assert apart == [vocabulary.tokens.index("!")] * 2 != ours.encode("!!").ids
    assert ours.encode("\x04\x06").ids == []
    pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
    from running_llama_cpp import LlamaCpp

    theirs = LlamaCpp(path)
    for text in ("!\x04!", "\x04\x06", "a\x06\x06b !!\x04!!!"):
        assert ours.encode(text).ids == theirs.ids(text)


def test_transformers_reads_the_folder(vocabulary: Vocabulary, small_file: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    facts = convert_gguf(small_file, tmp_path / "out")
    ours = AutoTokenizer.from_pretrained(tmp_path / "out")
    raw = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    begin, end = (vocabulary.tokens.index(f"<|{name}|>") for name in ("begin_of_text", "end_of_text"))
    assert len(ours) == len(vocabulary.tokens) == facts["tokens"]
    assert (ours.bos_token_id, ours.eos_token_id, ours.pad_token_id) == (begin, end, None)
    for text in mixed_texts(50, seed=5):
        ids = ours.encode(text)
        assert ids == raw.encode(text).ids
        assert ids[0] == begin  # llama-bpe begins a text where the file does not say otherwise
        assert ours.decode(ids, skip_special_tokens=False) == "<|begin_of_text|>" + text
    assert ours.encode("a<user defined>b", add_special_tokens=False)[1] == vocabulary.tokens.index("<user defined>")
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [end, vocabulary.tokens.index("<|eot_id|>")]
    assert (facts["name"], facts["license"], facts["tensors_by_quantization"]) == (
        "Small Llama",
        "llama3.2",
        {"F32": 20},
    )
    assert [base["repo_url"] for base in facts["base_models"]] == ["https://huggingface.co/meta-llama/Llama-3.2-1B"]
    assert facts["end_tokens"] == ["<|end_of_text|>", "<|eot_id|>"]


def test_special_tokens_before_the_others_stay_where_they_are(vocabulary: Vocabulary, tmp_path: Path) -> None:
    moved = Vocabulary(
        [*vocabulary.tokens[-4:], *vocabulary.tokens[:-4]],
        [*vocabulary.types[-4:], *vocabulary.types[:-4]],
        vocabulary.merges,
    )
    write_small_gguf(tmp_path / "small.gguf", TINY, moved)
    ours = tokenizer_of(tmp_path / "small.gguf")
    assert [ours.id_to_token(id_) for id_ in range(ours.get_vocab_size())] == moved.tokens
    assert ours.encode("<|eot_id|>", add_special_tokens=False).ids == [2]
