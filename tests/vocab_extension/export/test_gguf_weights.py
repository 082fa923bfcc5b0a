from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gguf")

from gguf import GGUFReader  # noqa: E402
from gguf.quants import dequantize  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from small_model import write_small_model  # noqa: E402
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS  # noqa: E402
from transformers.models.llama.configuration_llama import LlamaConfig  # noqa: E402

from hanhua.cli.entry import run_command  # noqa: E402
from hanhua.cli.vocab_extension import app  # noqa: E402
from hanhua.errors import InputError, UsageError  # noqa: E402
from hanhua.vocab_extension.export import gguf_weights  # noqa: E402
from hanhua.vocab_extension.export.gguf_file import export_gguf  # noqa: E402
from hanhua.vocab_extension.export.llama_settings import llama3_rope_divisors  # noqa: E402
from hanhua.weights import INDEX, weight_files  # noqa: E402


def exported(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    return {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in GGUFReader(path).tensors}


def stored(model: Path) -> dict[str, np.ndarray[Any, Any]]:
    return {name: t.float().numpy() for file in weight_files(model) for name, t in load_file(file).items()}


def metadata(path: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}


def edit(model: Path, **changes: Any) -> None:
    settings = json.loads((model / "config.json").read_text(encoding="utf-8"))
    settings.update(changes)
    (model / "config.json").write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))


def rotated(rows: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Pair i of a head, in Hugging Face's rows i and i + half, comes to rows 2i and 2i + 1."""
    size = rows.shape[0] // heads
    order = [h * size + i + half * size // 2 for h in range(heads) for i in range(size // 2) for half in (0, 1)]
    return rows[order]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_every_tensor_is_there_bit_for_bit(base: Path, tmp_path: Path, dtype: str, tied: bool) -> None:
    model = write_small_model(tmp_path / "model", base, tied=tied, dtype=getattr(torch, dtype), shard_size="20KB")
    done = export_gguf(model, tmp_path / "m.gguf")
    old, new = stored(model), exported(done.gguf)
    assert ("output.weight" in new) is not tied
    assert len(new) == done.tensors == len(old) + 1  # rope_freqs
    assert np.array_equal(new["token_embd.weight"], old["model.embed_tokens.weight"])
    for layer in range(2):
        before, after = f"model.layers.{layer}.", f"blk.{layer}."
        for name, place in {"mlp.down_proj": "ffn_down", "self_attn.o_proj": "attn_output"}.items():
            assert np.array_equal(new[f"{after}{place}.weight"], old[f"{before}{name}.weight"])
        assert np.array_equal(new[f"{after}attn_q.weight"], rotated(old[f"{before}self_attn.q_proj.weight"], 4))
        assert np.array_equal(new[f"{after}attn_k.weight"], rotated(old[f"{before}self_attn.k_proj.weight"], 2))
    kinds = {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(done.gguf).tensors}
    assert kinds["output_norm.weight"] == kinds["blk.1.ffn_norm.weight"] == kinds["rope_freqs.weight"] == "F32"
    assert kinds["blk.0.ffn_up.weight"] == {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}[dtype]


@pytest.mark.parametrize(("dtype", "torch_dtype"), [("f32", "float32"), ("f16", "float16"), ("bf16", "bfloat16")])
def test_numbers_are_rounded_as_torch_does(base: Path, tmp_path: Path, dtype: str, torch_dtype: str) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32)
    export_gguf(model, tmp_path / "m.gguf", dtype=dtype)
    rows = torch.from_numpy(stored(model)["lm_head.weight"]).to(getattr(torch, torch_dtype)).float().numpy()
    assert np.array_equal(exported(tmp_path / "m.gguf")["output.weight"], rows)


def test_pieces_may_have_any_size(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_small_model(tmp_path / "model", base)
    export_gguf(model, tmp_path / "one.gguf")
    monkeypatch.setattr(gguf_weights, "PIECE_BYTES", 300)
    export_gguf(model, tmp_path / "model.gguf")
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "model.gguf").read_bytes()


def test_settings_are_the_models(base: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base)
    done = export_gguf(model, tmp_path / "m.gguf")
    fields = {name: field.contents() for name, field in GGUFReader(done.gguf).fields.items()}
    expected = {
        "context_length": 131072,
        "embedding_length": 16,
        "block_count": 2,
        "feed_forward_length": 32,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "rope.dimension_count": 4,
        "rope.freq_base": 500000.0,
        "vocab_size": 1024,
    }
    assert {key: fields[f"llama.{key}"] for key in expected} == expected
    assert fields["tokenizer.ggml.eot_token_id"] == 777
    assert done.modelfile == tmp_path / "m.Modelfile"
    text = done.modelfile.read_text(encoding="utf-8")
    assert text.startswith("FROM ./m.gguf\n")
    assert 'PARAMETER stop "<|end_of_text|>"\nPARAMETER stop "<|eot_id|>"\n' in text


def test_rope_divisors_are_those_of_transformers() -> None:
    rope = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    config = LlamaConfig(
        hidden_size=512,
        num_attention_heads=4,
        rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, **rope},
        max_position_embeddings=131072,
    )
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    plain = 500000.0 ** -(np.arange(0, 128, 2) / 128)
    np.testing.assert_allclose(plain / llama3_rope_divisors(500000.0, 128, **rope), scaled.numpy(), rtol=1e-6)


def test_the_older_way_to_write_rope_settings_is_read(base: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base)
    export_gguf(model, tmp_path / "new.gguf")
    rope = json.loads((model / "config.json").read_text(encoding="utf-8"))["rope_parameters"]
    theta = rope.pop("rope_theta")
    edit(model, rope_parameters=None, rope_theta=theta, rope_scaling=rope)
    export_gguf(model, tmp_path / "old.gguf")
    assert (tmp_path / "new.gguf").read_bytes() == (tmp_path / "old.gguf").read_bytes()


def _rename_a_tensor(model: Path) -> None:
    tensors = load_file(weight_files(model)[0])
    tensors["model.layers.0.extra.weight"] = tensors.pop("model.layers.0.mlp.up_proj.weight")
    save_file(tensors, weight_files(model)[0])


def _add_a_tensor(model: Path) -> None:
    tensors = load_file(weight_files(model)[0])
    save_file({**tensors, "base_model.lora_A.weight": torch.zeros(2, 2)}, weight_files(model)[0])


def _integers(model: Path) -> None:
    tensors = load_file(weight_files(model)[0])
    name = "model.layers.0.mlp.up_proj.weight"
    save_file({**tensors, name: tensors[name].to(torch.int8)}, weight_files(model)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: edit(m, model_type="qwen2", architectures=["Qwen2ForCausalLM"]), "architecture Qwen2ForCausalLM"),
        (
            lambda m: edit(m, rms_norm_eps=None, max_position_embeddings=None),
            "no max_position_embeddings, rms_norm_eps",
        ),
        (lambda m: edit(m, num_hidden_layers=None), "no number for num_hidden_layers"),
        (lambda m: edit(m, num_hidden_layers=3), "tensors are missing, the first model.layers.2"),
        (lambda m: edit(m, num_key_value_heads=1), "k_proj.weight has the shape"),
        (lambda m: edit(m, hidden_act="gelu"), "hidden_act is gelu"),
        (lambda m: edit(m, rope_parameters={"rope_type": "yarn", "factor": 4.0}), "rope_type yarn"),
        (lambda m: edit(m, rope_parameters={"rope_type": "llama3", "factor": 4.0}), "has no low_freq_factor"),
        (lambda m: edit(m, quantization_config={"quant_method": "gptq"}), "quantized"),
        (_rename_a_tensor, "1 tensors are missing"),
        (_add_a_tensor, "merge an adapter"),
        (_integers, "is I8, and must be one of"),
        (lambda m: (m / "config.json").unlink(), "no such file"),
        (lambda m: (m / "tokenizer.json").unlink(), "no such file"),
    ],
)
def test_a_model_that_cannot_be_written_is_refused(base: Path, tmp_path: Path, change: Any, message: str) -> None:
    model = write_small_model(tmp_path / "model", base)
    change(model)
    with pytest.raises(InputError, match=message):
        export_gguf(model, tmp_path / "m.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_model_without_rows_for_its_tokenizer_is_refused(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base, shard_size="20KB")
    (model / "tokenizer.json").write_bytes((extension / "tokenizer.json").read_bytes())
    with pytest.raises(InputError, match="1,536 tokens and 1,024 rows"):
        export_gguf(model, tmp_path / "m.gguf")
    with pytest.raises(UsageError, match="must be one of"):
        export_gguf(write_small_model(tmp_path / "other", base), tmp_path / "m.gguf", dtype="q4_0")
    assert (model / INDEX).is_file()


def test_values_beyond_float16_are_refused_and_nothing_is_left(base: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base)
    tensors = load_file(weight_files(model)[0])
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = 70000.0
    save_file(tensors, weight_files(model)[0])
    with pytest.raises(InputError, match=r"up_proj.weight has values up to 70,.*--dtype bf16"):
        export_gguf(model, tmp_path / "m.gguf", dtype="f16")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    export_gguf(model, tmp_path / "m.gguf", dtype="bf16")


def test_the_command_says_what_to_do_next(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_small_model(tmp_path / "model", base)
    words = ["export", str(model), "--format", "gguf", "--dtype", "f16", "--out", str(tmp_path / "Zh.gguf")]
    monkeypatch.setattr(sys, "argv", ["vocab-extension", *words])
    assert run_command(app) == 0
    printed = capsys.readouterr().out
    assert f"{tmp_path / 'Zh.Modelfile'}: without TEMPLATE" in printed
    assert f"ollama create zh -f {tmp_path / 'Zh.Modelfile'}" in printed
    assert run_command(app) == 2
    assert "exists already" in capsys.readouterr().err
    (tmp_path / "Zh.gguf").unlink()
    assert run_command(app) == 2
    assert "Zh.Modelfile: exists already" in capsys.readouterr().err


def test_the_card_goes_into_the_file(base: Path, tmp_path: Path) -> None:
    folder = write_small_model(tmp_path / "model", base)
    card = {
        "license": "llama3", "language": ["zh", "en"], "tags": ["llama-3", "chinese"],
        "base_model": ["meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B-Instruct"],
    }  # fmt: skip
    (folder / "README.md").write_text(f"---\n{json.dumps(card)}\n---\n# A model\n", encoding="utf-8")
    done = export_gguf(folder, tmp_path / "x.gguf")
    fields = metadata(done.gguf)
    assert fields["general.license"] == "llama3"
    assert (fields["general.languages"], fields["general.tags"]) == (["zh", "en"], ["llama-3", "chinese"])
    assert fields["general.base_model.count"] == 2
    assert fields["general.base_model.1.repo_url"].endswith("/meta-llama/Meta-Llama-3-8B-Instruct")
    assert re.fullmatch(r"\d+(\.\d+)?[KMB]", fields["general.size_label"])


@pytest.mark.parametrize("card", ["no head", "---\n{broken: [\n---\n", "---\n- a list\n---\n"])
def test_a_card_without_a_head_says_nothing(base: Path, tmp_path: Path, card: str) -> None:
    folder = write_small_model(tmp_path / "model", base)
    (folder / "README.md").write_text(card, encoding="utf-8")
    fields = metadata(export_gguf(folder, tmp_path / "x.gguf").gguf)
    assert not {"general.license", "general.tags"} & fields.keys()
