"""GGUF files that cannot be converted: one clear sentence each, before anything is written."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")

from small_gguf import Small, Vocabulary, write_small_gguf  # noqa: E402

from hanhua.base.gguf import convert_gguf  # noqa: E402
from hanhua.base.gguf.header import read_gguf_header  # noqa: E402
from hanhua.errors import InputError, UsageError  # noqa: E402


def refused(path: Path, said: str) -> None:
    out = path.parent / "out"
    with pytest.raises(InputError, match=said) as caught:
        convert_gguf(path, out)
    assert str(path) in str(caught.value)
    assert not out.exists()


def replaced(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert data.count(old) == 1 and len(old) == len(new)
    path.write_bytes(data.replace(old, new))


def with_string(key: str, value: str) -> bytes:
    return key.encode() + struct.pack("<IQ", 8, len(value)) + value.encode()


def test_no_gguf_file(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04 something else entirely")
    refused(path, "not a GGUF file")
    path.write_bytes(b"")
    refused(path, "not a GGUF file")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.99])
def test_a_header_that_is_cut_short(share: float, small_file: Path) -> None:
    data = small_file.read_bytes()
    first = min(tensor.begin for tensor in read_gguf_header(small_file).tensors.values())
    small_file.write_bytes(data[: 4 + int(share * (first - 40))])
    refused(small_file, "cut short inside its header")


@pytest.mark.parametrize("left_out", [1, 5000, 100_000])
def test_data_that_is_cut_short(left_out: int, small_file: Path) -> None:
    last = max(read_gguf_header(small_file).tensors.values(), key=lambda tensor: tensor.begin)
    data = small_file.read_bytes()
    end = last.begin + int(np.prod(last.shape)) * 4
    small_file.write_bytes(data[: end - left_out])
    refused(small_file, "cut short: .* ends at byte .*; copy or download it again")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            with_string("general.architecture", "llama"),
            with_string("general.architecture", "gemma"),
            "architecture gemma",
        ),
        (
            with_string("tokenizer.ggml.model", "gpt2"),
            with_string("tokenizer.ggml.model", "bert"),
            "WordPiece vocabulary",
        ),
        (
            with_string("tokenizer.ggml.pre", "llama-bpe"),
            with_string("tokenizer.ggml.pre", "llama-xyz"),
            "pre is llama-xyz",
        ),
        (b"llama.block_count", b"llama.block_cuont", "block_count is None"),
        (b"blk.1.attn_k.weight", b"blk.1.attn_x.weight", r"no tensor blk\.1\.attn_k\.weight; the file is not a whole"),
        (b"GGUF\x03\x00\x00\x00", b"GGUF\x01\x00\x00\x00", "version 1; versions 2 and 3"),
        (b"GGUF\x03\x00\x00\x00", b"GGUF\x00\x00\x00\x03", "big-endian"),
        (b"tokenizer.ggml.eos_token_id", b"tokenizer.ggml.eso_token_id", "name no eos token"),
    ],
)
def test_one_thing_that_is_wrong(old: bytes, new: bytes, said: str, small_file: Path) -> None:
    replaced(small_file, old, new)
    refused(small_file, said)


def rewritten(path: Path, change: Callable[[gguf.GGUFWriter], None]) -> None:
    """Write the smallest file of the architecture llama with what `change` adds."""
    writer = gguf.GGUFWriter(path, "llama")
    change(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.add_tokenizer_model("llama"), "SentencePiece vocabulary .*byte-level BPE"),
        (lambda w: w.add_string("general.note", "no vocabulary"), "holds no tokenizer"),
        (lambda w: w.add_expert_count(8), "mixture of experts"),
        (lambda w: w.add_sliding_window(4096), "sliding_window is 4096"),
        (lambda w: w.add_type("adapter"), "of the type adapter"),
        (lambda w: w.add_uint16("split.count", 3), "one part of 3; join them first: llama-gguf-split --merge"),
    ],
)
def test_another_kind_of_file(change: Callable[[gguf.GGUFWriter], None], said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    rewritten(path, change)
    refused(path, said)


def test_a_part_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model-00002-of-00003.gguf"
    rewritten(path, lambda w: w.add_string("general.note", "nothing"))
    refused(path, "one part of 3")


def test_a_quantization_that_gguf_does_not_read(small_file: Path) -> None:
    name = b"blk.0.attn_q.weight"
    at = small_file.read_bytes().index(name) + len(name) + 4 + 2 * 8
    for number, said in ((9, "the quantization Q8_1, which gguf"), (77, "the quantization number 77, which gguf")):
        data = bytearray(small_file.read_bytes())
        data[at : at + 4] = struct.pack("<I", number)
        small_file.write_bytes(data)
        refused(small_file, said)


def test_a_vocabulary_of_another_size_than_the_embedding(vocabulary: Vocabulary, tmp_path: Path) -> None:
    path = tmp_path / "small.gguf"
    fewer = write_small_gguf(path, Small(), vocabulary)["token_embd.weight"].shape[0]
    data = path.read_bytes()
    name = b"token_embd.weight"
    at = data.index(name) + len(name) + 4 + 8  # the columns come first
    path.write_bytes(data[:at] + struct.pack("<Q", fewer - 8) + data[at + 8 :])
    refused(path, f"{fewer:,} tokens, and token_embd.weight has {fewer - 8:,} rows")


@pytest.mark.parametrize("left_out", ["output_norm.weight", "blk.1.ffn_up.weight", "token_embd.weight"])
def test_a_tensor_that_is_missing(left_out: str, vocabulary: Vocabulary, tmp_path: Path) -> None:
    write_small_gguf(tmp_path / "small.gguf", Small(leave_out=(left_out,)), vocabulary)
    refused(tmp_path / "small.gguf", f"no tensor {left_out}")


def test_values_that_are_not_finite(small_file: Path, tmp_path: Path) -> None:
    begin = read_gguf_header(small_file).tensors["blk.1.ffn_up.weight"].begin
    data = bytearray(small_file.read_bytes())
    data[begin : begin + 4] = struct.pack("<f", float("nan"))
    small_file.write_bytes(data)
    with pytest.raises(InputError, match=r"ffn_up\.weight holds values that are not finite"):
        convert_gguf(small_file, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("damage", ["a duplicate", "a merge of no tokens", "an id out of range"])
def test_a_vocabulary_that_contradicts_itself(damage: str, vocabulary: Vocabulary, tmp_path: Path) -> None:
    tokens, merges = list(vocabulary.tokens), list(vocabulary.merges)
    if damage == "a duplicate":
        tokens[300] = tokens[301]
    if damage == "a merge of no tokens":
        merges[3] = "qqq zzz"
    path = tmp_path / "small.gguf"
    write_small_gguf(path, Small(), replace(vocabulary, tokens=tokens, merges=merges))
    if damage == "an id out of range":
        at = path.read_bytes().index(b"tokenizer.ggml.eot_token_id") + len("tokenizer.ggml.eot_token_id") + 4
        data = bytearray(path.read_bytes())
        data[at : at + 4] = struct.pack("<I", 10**6)
        path.write_bytes(data)
    said = {"a duplicate": "has two ids, 300 and 301", "a merge of no tokens": r"merge 3 \('qqq zzz'\) is of texts"}
    refused(path, said.get(damage, "eot_token_id is 1000000, and the vocabulary has"))


def test_the_folder_to_write_into(small_file: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").write_text("")
    with pytest.raises(InputError, match="full: exists and is not an empty folder"):
        convert_gguf(small_file, tmp_path / "full")
    with pytest.raises(UsageError, match="dtype int8: must be one of auto, float32, bfloat16, float16"):
        convert_gguf(small_file, tmp_path / "out", dtype="int8")
