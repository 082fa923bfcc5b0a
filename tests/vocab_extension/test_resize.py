from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402
from small_llama import CHAT_TEMPLATE  # noqa: E402
from small_model import UNTRAINED, write_small_model  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: E402

from hanhua.errors import InputError  # noqa: E402
from hanhua.vocab_extension.config import InitialiseConfig  # noqa: E402
from hanhua.vocab_extension.resize import EMBEDDINGS, HEAD, resize_folder  # noqa: E402
from hanhua.vocab_extension.shards import from_float32, to_float32  # noqa: E402
from hanhua.weights import INDEX, weight_files  # noqa: E402

MEAN = InitialiseConfig()


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for file in weight_files(folder) for name, tensor in load_file(file).items()}


def plain_means(base: Path, extension: Path, rows: torch.Tensor) -> torch.Tensor:
    """The same means in memory, with torch: base tokens of each new token's text, by merges alone."""
    data = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    data["model"]["ignore_merges"] = False
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokens = json.loads((extension / "extension.json").read_text(encoding="utf-8"))["tokens"]
    pieces = [tokenizer.encode(token["text"], add_special_tokens=False).ids for token in tokens]
    return torch.stack([rows[ids].to(torch.float64).mean(dim=0).to(torch.float32) for ids in pieces]).to(rows.dtype)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("shard_size", ["5GB", "20KB"])
def test_old_rows_and_all_else_keep_their_bits(
    base: Path, extension: Path, tmp_path: Path, dtype: str, shard_size: str
) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=getattr(torch, dtype), shard_size=shard_size)
    done = resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    old, new = tensors_of(model), tensors_of(tmp_path / "out")
    assert (done.first_new_id, done.vocab_size, done.tied) == (1024, 1536, False)
    assert old.keys() == new.keys()
    for name, tensor in old.items():
        assert new[name].dtype == tensor.dtype
        assert torch.equal(new[name][: len(tensor)], tensor)
        if name in (EMBEDDINGS, HEAD):
            assert new[name].shape == (1536, 16)
            assert torch.equal(new[name][1024:], plain_means(base, extension, tensor))
        else:
            assert new[name].shape == tensor.shape
    assert [f.name for f in weight_files(tmp_path / "out")] == [f.name for f in weight_files(model)]
    assert (len(weight_files(model)) > 1) is (shard_size != "5GB")


def test_shards_come_with_a_right_index(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base, shard_size="20KB")
    resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    index = json.loads((tmp_path / "out" / INDEX).read_text(encoding="utf-8"))
    tensors = tensors_of(tmp_path / "out")
    assert index["metadata"]["total_size"] == sum(t.numel() * t.element_size() for t in tensors.values())
    assert index["weight_map"].keys() == tensors.keys()
    for name, file in index["weight_map"].items():
        assert name in load_file(tmp_path / "out" / file)


def test_transformers_loads_it_and_old_logits_are_unchanged(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32)
    resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    before, after = (AutoModelForCausalLM.from_pretrained(folder) for folder in (model, tmp_path / "out"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = tokenizer("Plain English text, no Chinese.", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        torch.testing.assert_close(after(ids).logits[..., :1024], before(ids).logits, rtol=0, atol=1e-6)
    assert after.config.vocab_size == 1536 == len(tokenizer)


def test_settings_travel(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base)
    out = tmp_path / "out"
    resize_folder(model, tokenizer=extension, out=out, config=MEAN)
    old, new = (json.loads((folder / "config.json").read_text(encoding="utf-8")) for folder in (model, out))
    assert new == {**old, "vocab_size": 1536}
    assert (out / "generation_config.json").read_bytes() == (model / "generation_config.json").read_bytes()
    assert GenerationConfig.from_pretrained(out).eos_token_id == [769, 777]
    assert AutoTokenizer.from_pretrained(out).chat_template == CHAT_TEMPLATE
    assert json.loads((out / "extension.json").read_text(encoding="utf-8"))["first_new_id"] == 1024


def test_tied_heads_stay_tied(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base, tied=True)
    done = resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    assert done.tied
    assert HEAD not in tensors_of(tmp_path / "out")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert loaded.get_input_embeddings().weight is loaded.get_output_embeddings().weight
    assert loaded.get_output_embeddings().weight.shape == (1536, 16)


@pytest.mark.parametrize("method", ["mean", "calibrated", "gaussian", "random"])
def test_methods_are_seeded_finite_and_know_untrained_rows(
    base: Path, extension: Path, tmp_path: Path, method: str
) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32, untrained=UNTRAINED)
    config = InitialiseConfig.model_validate({"method": method, "seed": 3})
    done = resize_folder(model, tokenizer=extension, out=tmp_path / "a", config=config)
    resize_folder(model, tokenizer=extension, out=tmp_path / "b", config=config)
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()
    assert done.untrained == {EMBEDDINGS: list(UNTRAINED), HEAD: list(UNTRAINED)}
    rows = tensors_of(tmp_path / "a")[EMBEDDINGS][1024:]
    assert torch.isfinite(rows).all()
    assert (rows.norm(dim=1) > 0).all()


def test_calibrated_inputs_have_the_usual_norm_of_han_rows(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32)
    config = InitialiseConfig(method="calibrated")
    resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=config)
    norms = tensors_of(tmp_path / "out")[EMBEDDINGS].norm(dim=1)
    spread = norms[1024:]
    assert float(spread.max() - spread.min()) < 1e-5
    assert abs(float(spread[0]) - float(norms[:768].mean())) < 0.2 * float(norms[:768].mean())


def test_a_model_of_another_size_is_refused(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base)
    said = json.loads((extension / "extension.json").read_text(encoding="utf-8"))
    other = tmp_path / "other"
    other.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (other / name).write_bytes((extension / name).read_bytes())
    (other / "extension.json").write_text(json.dumps({**said, "first_new_id": 128256}), encoding="utf-8")
    with pytest.raises(InputError, match=r"extends a vocabulary of 128,256, and .* has 1,024 rows"):
        resize_folder(model, tokenizer=other, out=tmp_path / "out", config=MEAN)
    with pytest.raises(InputError, match="nothing to add"):
        resize_folder(model, tokenizer=base, out=tmp_path / "out", config=MEAN)


def test_a_tokenizer_that_extends_another_is_refused(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base)
    data = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    vocab = data["model"]["vocab"]
    vocab["a"], vocab["b"] = vocab["b"], vocab["a"]
    (model / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match="it extends another tokenizer"):
        resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)


def test_what_is_missing_is_named(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base, shard_size="20KB")
    shard = weight_files(model)[1]
    shard.unlink()
    with pytest.raises(InputError, match=re.escape(f"{shard.name}, missing here")):
        resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    (model / INDEX).unlink()
    (model / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"found pytorch_model\.bin, which is pickle"):
        resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)


def test_a_truncated_file_is_named(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base)
    whole = (model / "model.safetensors").read_bytes()
    for size in (4, 100, len(whole) - 10):
        (model / "model.safetensors").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"model\.safetensors"):
            resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)


@given(st.lists(st.floats(width=32, allow_nan=False, min_value=-(2.0**100), max_value=2.0**100), min_size=1))
def test_bfloat16_rounds_as_torch_does(values: list[float]) -> None:
    floats = np.array(values, dtype=np.float32)
    mine = from_float32(floats, "BF16")
    theirs = torch.tensor(floats).to(torch.bfloat16)
    assert mine.tolist() == theirs.view(torch.uint16).tolist()
    assert to_float32(mine, "BF16").tolist() == theirs.float().tolist()
