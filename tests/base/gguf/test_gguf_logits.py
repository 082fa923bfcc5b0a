"""The converted folder computes what the GGUF file says: logits of transformers against numpy and llama.cpp."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")
torch = pytest.importorskip("torch")

from reference_llama import reference_logits  # noqa: E402
from small_gguf import Small, Vocabulary, llama3_divisors, write_small_gguf  # noqa: E402

from hanhua.base.gguf import convert_gguf  # noqa: E402

IDS = [*range(300, 340), 7, 7, 300]
ROTARY = {
    "llama3": Small(head_size=32, theta=500_000.0, divisors=llama3_divisors(500_000.0, 32, factor=8, original=64)),
    "any divisors": Small(divisors=(1, 3, 1, 2, 5, 1, 1, 4)),
    "linear": Small(scaling={"type": "linear", "factor": 4.0}),
    "yarn": Small(scaling={"type": "yarn", "factor": 4.0, "original_context_length": 64}),
}


def transformers_logits(folder: Path, ids: list[int]) -> npt.NDArray[np.float64]:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        found: npt.NDArray[np.float64] = model(torch.tensor([ids])).logits[0].double().numpy()
    return found


def converted(
    small: Small, vocabulary: Vocabulary, place: Path, dtype: str = "float32"
) -> tuple[Path, dict[str, object]]:
    folder = place / "folder"
    return folder, convert_gguf(place / "small.gguf", folder, dtype=dtype)


@pytest.mark.parametrize(
    "small",
    [
        Small(),
        Small(tied=False),
        Small(kv_heads=4),
        Small(kv_heads=1, head_size=24),
        Small(bias=True, tied=False),
        Small(theta=500_000.0, heads=2, head_size=32),
        *[ROTARY[kind] for kind in ("any divisors", "linear")],
        *[Small(kind) for kind in ("F16", "BF16")],
        *[Small(kind, tied=False) for kind in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")],
        *[Small(kind, hidden=256, intermediate=256, heads=4, head_size=64) for kind in ("Q4_K", "Q5_K", "Q6_K")],
    ],
    ids=str,
)
def test_logits_are_those_of_the_file(small: Small, vocabulary: Vocabulary, tmp_path: Path) -> None:
    weights = write_small_gguf(tmp_path / "small.gguf", small, vocabulary)
    folder, facts = converted(small, vocabulary, tmp_path)
    expected = reference_logits(weights, small, IDS)
    assert np.abs(expected).max() > 1  # logits that differ
    np.testing.assert_allclose(transformers_logits(folder, IDS), expected, atol=2e-4 * np.abs(expected).max())
    assert facts["tied"] == small.tied
    assert small.quantization in facts["tensors_by_quantization"]  # type: ignore[operator]


@pytest.mark.parametrize("kind", ROTARY)
def test_rotary_scaling_is_that_of_llama_cpp(kind: str, vocabulary: Vocabulary, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
    from running_llama_cpp import LlamaCpp

    small = replace(ROTARY[kind], pre="gpt-2")
    write_small_gguf(tmp_path / "small.gguf", small, vocabulary)
    folder, facts = converted(small, vocabulary, tmp_path)
    assert facts["rope_type"] == ("longrope" if kind == "any divisors" else kind)
    ids = (IDS * 3)[:100]
    size = len(vocabulary.tokens)
    expected = LlamaCpp(tmp_path / "small.gguf").log_probabilities(ids, most=size)
    found = torch.tensor(transformers_logits(folder, ids)[-1]).log_softmax(-1)
    assert len(expected) == size
    assert max(abs(float(found[id_]) - value) for id_, value in expected.items()) < 2e-3


@pytest.mark.parametrize(("head_size", "factor"), [(64, 32.0), (128, 8.0)])
def test_llama3_scaling_is_recovered(head_size: int, factor: float, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """Of Llama 3.2 1B, and of Llama 3.1."""
    divisors = llama3_divisors(500_000.0, head_size, factor=factor, original=8192)
    small = Small(theta=500_000.0, heads=2, kv_heads=1, head_size=head_size, divisors=divisors)
    write_small_gguf(tmp_path / "small.gguf", small, vocabulary)
    folder, _ = converted(small, vocabulary, tmp_path)
    assert json.loads((folder / "config.json").read_text())["rope_parameters"] == {
        "rope_theta": 500_000.0,
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }


@pytest.mark.parametrize(
    ("quantization", "auto"), [("F32", "float32"), ("F16", "float32"), ("BF16", "bfloat16"), ("Q8_0", "float32")]
)
def test_auto_keeps_a_small_model_exactly(quantization: str, auto: str, vocabulary: Vocabulary, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    weights = write_small_gguf(tmp_path / "small.gguf", Small(quantization), vocabulary)
    folder, facts = converted(Small(quantization), vocabulary, tmp_path, "auto")
    assert facts["dtype"] == json.loads((folder / "config.json").read_text())["dtype"] == auto
    stored = load_file(folder / "model.safetensors")
    assert {str(value.dtype) for value in stored.values()} == {f"torch.{auto}"}
    up = stored["model.layers.1.mlp.up_proj.weight"].float().numpy()
    np.testing.assert_array_equal(up, weights["blk.1.ffn_up.weight"])
    assert len(stored) == len(weights)


def test_the_memory_of_one_piece_gives_the_same(
    vocabulary: Vocabulary, small_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert_gguf(small_file, tmp_path / "whole", dtype="bfloat16")
    monkeypatch.setattr("hanhua.base.gguf.quantized.PIECE_VALUES", 64 * 5)
    convert_gguf(small_file, tmp_path / "pieces", dtype="bfloat16")
    whole, pieces = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "pieces"))
    assert whole == pieces
