"""The real llama.cpp, where it is installed: the same ids and the same logits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gguf")
torch = pytest.importorskip("torch")
llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python (the extra llama-cpp) is not installed")

from small_llama import chinese_texts, english_texts  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from hanhua.errors import InvariantError  # noqa: E402
from hanhua.vocab_extension.export.gguf_file import export_gguf  # noqa: E402
from hanhua.vocab_extension.extend import extended  # noqa: E402
from hanhua.vocab_extension.proof.llama_cpp_parity import differences, load_vocabulary  # noqa: E402
from hanhua.vocab_extension.proof.samples import HAN_FREE, HAN_TEXTS, random_texts  # noqa: E402
from hanhua.vocab_extension.tokenizer_json import read_bpe_file  # noqa: E402

pytestmark = pytest.mark.slow
POSITIONS = 200
LLAMA31 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
PLAIN = {"rope_type": "default", "rope_theta": 10_000.0}


def test_an_extension_of_llama3_is_encoded_alike(llama3_extension: Path) -> None:
    texts = [*HAN_FREE, *HAN_TEXTS, *chinese_texts(), *english_texts(), *random_texts(2000, han=True)]
    texts += ["<|begin_of_text|>你好<|eot_id|>", "", "\n\n 汉\r\n"]
    assert list(differences(llama3_extension, texts)) == []


def test_parts_of_characters_are_encoded_alike(llama3: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    shutil.copytree(llama3, folder)
    tokens = [b"\xe3\x93", "，".encode() + b"\xe3\x93", "㓀".encode(), b"\xf0\xaa"]
    (folder / "tokenizer.json").write_text(
        json.dumps(extended(read_bpe_file(llama3), tokens).data, ensure_ascii=False), encoding="utf-8"
    )
    texts = [f"{mark}{chr(c)}x" for c in [*range(0x3480, 0x3540), 0x2A000, 0x2A2BC] for mark in ("", "，", " ", "㓀")]
    assert list(differences(folder, texts)) == []


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rope", [PLAIN, LLAMA31], ids=["default", "llama3"])
@pytest.mark.parametrize("bias", [False, True])
def test_logits_are_those_of_transformers(
    extension: Path, tmp_path: Path, tied: bool, rope: dict[str, Any], bias: bool
) -> None:
    model = write_model(tmp_path / "model", extension, tied=tied, rope=rope, bias=bias)
    export_gguf(model, tmp_path / "model.gguf", dtype="f32")
    ids = torch.randint(0, 1536, (POSITIONS,), generator=torch.Generator().manual_seed(1)).tolist()
    with torch.no_grad():
        expected = LlamaForCausalLM.from_pretrained(model)(torch.tensor([ids])).logits[0].numpy()
    found = llama_cpp_logits(tmp_path / "model.gguf", ids)
    assert expected.std() > 0.5
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


def test_generation_stops_where_the_model_says(extension: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", extension, tied=False, rope=PLAIN, bias=False)
    export_gguf(model, tmp_path / "model.gguf")
    llama = llama_cpp.Llama(model_path=str(tmp_path / "model.gguf"), n_ctx=64, verbose=False)
    vocab = llama_cpp.llama_model_get_vocab(llama.model)
    assert [id_ for id_ in range(llama.n_vocab()) if llama_cpp.llama_vocab_is_eog(vocab, id_)] == [769, 776, 777]
    assert (llama.token_bos(), llama.token_eos()) == (768, 769)
    assert llama.tokenize("你好".encode())[0] == 768
    llama.close()


def write_model(folder: Path, tokenizer: Path, *, tied: bool, rope: dict[str, Any], bias: bool) -> Path:
    """Write a Llama with loud weights, so that a wrong order of rows or a wrong rotation shows in the logits."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1536,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        attention_bias=bias,
        mlp_bias=bias,
        tie_word_embeddings=tied,
        rope_parameters=rope,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
        initializer_range=0.2,
        bos_token_id=768,
        eos_token_id=[769, 776, 777],
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("bias", "norm.weight")):
                parameter.normal_(1.0, 0.3)
    model.save_pretrained(folder, max_shard_size="100KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, folder / name)
    return folder


def llama_cpp_logits(gguf: Path, ids: list[int]) -> np.ndarray[Any, Any]:
    f32 = llama_cpp.GGML_TYPE_F32
    llama = llama_cpp.Llama(
        model_path=str(gguf), n_ctx=256, n_batch=256, logits_all=True, type_k=f32, type_v=f32, verbose=False
    )
    llama.eval(ids)
    found = np.array(llama.scores[: len(ids)])
    llama.close()
    return found


def test_a_file_that_llama_cpp_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"no model")
    with pytest.raises(InvariantError, match=r"x\.gguf: llama\.cpp does not load this file"):
        load_vocabulary(tmp_path / "x.gguf")
