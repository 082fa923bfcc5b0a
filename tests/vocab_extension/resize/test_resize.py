from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import ROOT

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from small_llama import CHAT_TEMPLATE, english_texts  # noqa: E402
from small_model import UNTRAINED, write_small_model  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: E402

from hanhua.errors import HanhuaError, InputError  # noqa: E402
from hanhua.vocab_extension.resize.config import ResizeConfig  # noqa: E402
from hanhua.vocab_extension.resize.initialization import Methods  # noqa: E402
from hanhua.vocab_extension.resize.resize import grow_model, resize_folder  # noqa: E402
from hanhua.vocab_extension.resize.shards import from_float32, to_float32  # noqa: E402
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD  # noqa: E402
from hanhua.weights import INDEX, weight_files  # noqa: E402

MEAN = ResizeConfig(method="mean")


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for file in weight_files(folder) for name, tensor in load_file(file).items()}


def plain_means(base: Path, extension: Path, rows: torch.Tensor) -> torch.Tensor:
    """The same means in memory, with torch: base tokens of each new token's bytes, by merges alone."""
    data = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    data["model"]["ignore_merges"] = False
    data["pre_tokenizer"] = data["post_processor"] = None
    data["added_tokens"] = []
    tokenizer = Tokenizer.from_str(json.dumps(data))
    vocab = json.loads((extension / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    new = sorted((id_, token) for token, id_ in vocab.items() if id_ >= len(rows))
    pieces = [tokenizer.encode(token, add_special_tokens=False).ids for _, token in new]
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
    assert index["metadata"]["total_parameters"] == sum(t.numel() for t in tensors.values())
    assert index["metadata"]["total_size"] == sum(t.numel() * t.element_size() for t in tensors.values())
    assert index["weight_map"].keys() == tensors.keys()
    for name, file in index["weight_map"].items():
        assert name in load_file(tmp_path / "out" / file)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shard_size", ["5GB", "20KB"])
def test_bits_are_those_of_resizing_in_memory(
    base: Path, extension: Path, tmp_path: Path, tied: bool, shard_size: str
) -> None:
    model = write_small_model(tmp_path / "model", base, tied=tied, shard_size=shard_size)
    resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype="auto")
    old_size = loaded.config.vocab_size
    matrices = {loaded.get_input_embeddings().weight, loaded.get_output_embeddings().weight}
    made = [plain_means(base, extension, matrix.detach()) for matrix in matrices]
    assert len(made) == (1 if tied else 2)
    wanted = [plain_means(base, extension, m.weight.detach()) for m in (loaded.get_input_embeddings(), loaded.lm_head)]
    loaded.resize_token_embeddings(old_size + len(made[0]), mean_resizing=False)
    with torch.no_grad():
        loaded.get_input_embeddings().weight[old_size:] = wanted[0]
        loaded.lm_head.weight[old_size:] = wanted[1]
    loaded.save_pretrained(tmp_path / "in_memory", max_shard_size=shard_size)
    theirs, ours = tensors_of(tmp_path / "in_memory"), tensors_of(tmp_path / "out")
    assert theirs.keys() == ours.keys()
    for name, tensor in theirs.items():
        assert tensor.dtype == ours[name].dtype
        assert torch.equal(tensor, ours[name]), name


@pytest.mark.parametrize("tied", [False, True])
def test_transformers_loads_it_and_old_logits_are_unchanged(
    base: Path, extension: Path, tmp_path: Path, tied: bool
) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32, tied=tied)
    resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    before, after = (AutoModelForCausalLM.from_pretrained(folder) for folder in (model, tmp_path / "out"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = tokenizer(english_texts()[0][:800], return_tensors="pt")["input_ids"]
    assert int(ids.max()) < 1024
    with torch.no_grad():
        hidden = before.model(ids).last_hidden_state
        assert torch.equal(after.model(ids).last_hidden_state, hidden)
        # Old rows alone: a product with more rows may be summed in another order.
        assert torch.equal(hidden @ after.lm_head.weight[:1024].T, before(ids).logits)
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


@pytest.mark.parametrize("method", ["mean", "mean+calibrated", "calibrated", "gaussian", "random"])
def test_methods_are_seeded_finite_and_know_untrained_rows(
    base: Path, extension: Path, tmp_path: Path, method: str
) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32, untrained=UNTRAINED)
    config = ResizeConfig.model_validate({"method": method, "seed": 3})
    done = resize_folder(model, tokenizer=extension, out=tmp_path / "a", config=config)
    resize_folder(model, tokenizer=extension, out=tmp_path / "b", config=config)
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()
    found = {name: list(rows.values()) for name, rows in done.untrained.items()}
    assert found == {EMBEDDINGS: list(UNTRAINED), HEAD: list(UNTRAINED)}
    assert "<|start_header_id|>" not in done.untrained[HEAD]
    rows = tensors_of(tmp_path / "a")[EMBEDDINGS][1024:]
    assert torch.isfinite(rows).all()
    assert (rows.norm(dim=1) > 0).all()


def test_calibrated_inputs_have_the_usual_norm_of_han_rows(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32)
    config = ResizeConfig(method="calibrated")
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


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "awq"])
def test_quantized_models_are_refused_by_name(base: Path, extension: Path, tmp_path: Path, method: str) -> None:
    model = write_small_model(tmp_path / "model", base)
    settings = json.loads((model / "config.json").read_text(encoding="utf-8"))
    settings["quantization_config"] = {"quant_method": method}
    (model / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(InputError, match=rf"quantized \({method}\).*resize the unquantized model"):
        resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    assert not (tmp_path / "out").exists()


def test_too_small_a_disk_is_said_before_anything_is_written(
    base: Path, extension: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_small_model(tmp_path / "model", base)
    needed = (model / "model.safetensors").stat().st_size + 2 * 512 * 16 * 2
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 1))
    with pytest.raises(HanhuaError, match=r"takes 0\.0 GB, and 0\.0 GB are free there; free some space"):
        resize_folder(model, tokenizer=extension, out=tmp_path / "a" / "out", config=MEAN)
    assert not (tmp_path / "a").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    resize_folder(model, tokenizer=extension, out=tmp_path / "a" / "out", config=MEAN)


@pytest.mark.parametrize("ending", ["full", "killed"])
def test_a_full_disk_or_a_kill_leaves_nothing_at_the_final_name(
    base: Path, extension: Path, tmp_path: Path, ending: str
) -> None:
    """A process that may write no file above 20 KB, which is what a full disk does; or that a signal ends there."""
    model = write_small_model(tmp_path / "model", base)
    limit = "signal.signal(signal.SIGXFSZ, signal.SIG_DFL);" if ending == "killed" else ""
    code = (
        f"import resource, signal, sys; {limit} resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "sys.dont_write_bytecode = True; from hanhua.cli.vocab_extension import main; main()"
    )
    words = ["resize", "--model", str(model), "--tokenizer", str(extension), "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == (-signal.SIGXFSZ if ending == "killed" else 1), done.stderr
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.partial").exists() is (ending == "killed")
    again = subprocess.run(
        [sys.executable, "-m", "hanhua.cli.vocab_extension", *words, "--json"], capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["untrained"] == {EMBEDDINGS: {}, HEAD: {}}
    assert not (tmp_path / "out.partial").exists()


def test_untrained_rows_are_named(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32)
    file = model / "model.safetensors"
    tensors = load_file(file)
    # As Llama 3 has them: inputs next to zero, outputs nearly one vector; a start token is an input, never a target.
    tensors[EMBEDDINGS][[775, 776]] = 0
    tensors[HEAD][[768, 775, 776]] = tensors[HEAD][768] * torch.tensor([[1.0], [1.001], [0.999]])
    save_file(tensors, file, metadata={"format": "pt"})
    done = resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    reserved = {"<|end_header_id|>": 775, "<|reserved_special_token_4|>": 776}
    assert done.untrained == {EMBEDDINGS: reserved, HEAD: {"<|begin_of_text|>": 768, **reserved}}


@pytest.mark.parametrize("tied", [False, True])
def test_padded_rows_are_recorded_suppressed_and_never_win(
    base: Path, extension: Path, tmp_path: Path, tied: bool
) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32, tied=tied)
    methods = Methods.parse("mean")
    plain = grow_model(model, tokenizer=extension, out=tmp_path / "plain", methods=methods, seed=0, pad_to=512)
    assert (plain.vocab_size, plain.padded_rows) == (1536, 0)
    done = grow_model(model, tokenizer=extension, out=tmp_path / "out", methods=methods, seed=0, pad_to=1000)
    assert (done.vocab_size, done.padded_rows) == (2000, 464)
    for name, tensor in tensors_of(tmp_path / "plain").items():
        assert torch.equal(tensors_of(tmp_path / "out")[name][: len(tensor)], tensor)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert loaded.config.vocab_size == 2000
    assert loaded.generation_config.suppress_tokens == list(range(1536, 2000))
    assert loaded.generation_config.eos_token_id == [769, 777]
    with torch.no_grad():
        logits = loaded(torch.arange(0, 1536, 7)[None]).logits[0]
    assert int(logits.argmax(dim=-1).max()) < 1536
    assert (logits[:, 1536:].max(dim=-1).values < logits[:, :1024].max(dim=-1).values).all()


@pytest.mark.soak
def test_memory_is_that_of_a_block_of_rows() -> None:
    """The vocabulary and width of Llama 3 8B, two layers; the whole model is benchmarks/resize_8b.py."""
    script = ROOT / "benchmarks" / "resize_8b.py"
    if shutil.disk_usage(tempfile.gettempdir()).free < 8e9:
        pytest.skip("8 GB of disk are needed")
    done = subprocess.run([sys.executable, script, "--layers", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = re.search(r"peak anonymous memory ([\d.]+) GB", done.stdout)
    assert found is not None, done.stdout
    assert float(found[1]) < 1


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
