"""Models as people have them: padded rows, a tied head stored too, a head that differs. What resizing makes of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from small_llama import chinese_texts, english_texts  # noqa: E402
from small_model import write_small_model  # noqa: E402
from tiny_corpus import make_corpus  # noqa: E402
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig, LlamaForCausalLM  # noqa: E402

from hanhua.artifacts import write_manifest  # noqa: E402
from hanhua.documents import Document  # noqa: E402
from hanhua.errors import InputError  # noqa: E402
from hanhua.vocab_extension.resize.config import ResizeConfig  # noqa: E402
from hanhua.vocab_extension.resize.initialization import Methods  # noqa: E402
from hanhua.vocab_extension.resize.resize import grow_model, resize_folder  # noqa: E402
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD  # noqa: E402
from hanhua.weights import INDEX, weight_files  # noqa: E402

MEAN = ResizeConfig(method="mean")
Shape = Callable[[Path], None]


def change(model: Path, tensors: Callable[[dict[str, Any]], None], **settings: object) -> None:
    """Change the tensors of a model of one file, and its config."""
    found = load_file(model / "model.safetensors")
    tensors(found)
    save_file(found, model / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (model / "config.json").write_text(json.dumps({**config, **settings}), encoding="utf-8")


def padded_to(rows: int) -> Shape:
    """Rows of nines behind the last token's, as no training leaves them: they would win any softmax."""

    def pad(model: Path) -> None:
        def add(tensors: dict[str, Any]) -> None:
            for name in {EMBEDDINGS, HEAD} & tensors.keys():
                nines = torch.full((rows - 1024, tensors[name].shape[1]), 9.0, dtype=tensors[name].dtype)
                tensors[name] = torch.cat([tensors[name], nines])

        change(model, add, vocab_size=rows)

    return pad


def head_stored_too(model: Path) -> None:
    change(model, lambda tensors: tensors.update({HEAD: tensors[EMBEDDINGS].clone()}))


def head_that_differs(model: Path) -> None:
    def add(tensors: dict[str, Any]) -> None:
        torch.manual_seed(1)
        tensors[HEAD] = torch.randn_like(tensors[EMBEDDINGS])

    change(model, add)


@pytest.mark.parametrize(("rows", "after"), [(1088, 1536), (2048, 2048)])
def test_spare_rows_are_used_first(base: Path, extension: Path, tmp_path: Path, rows: int, after: int) -> None:
    model = write_small_model(tmp_path / "model", base, dtype=torch.float32)
    resize_folder(model, tokenizer=extension, out=tmp_path / "plain", config=MEAN)
    padded_to(rows)(model)
    done = resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    assert (done.first_new_id, done.vocab_size, done.padded_rows) == (1024, after, after - 1536)
    plain, found = (load_file(tmp_path / name / "model.safetensors") for name in ("plain", "out"))
    for name in (EMBEDDINGS, HEAD):
        assert found[name].shape[0] == after
        assert torch.equal(found[name][:1536], plain[name])
        assert float(found[name].abs().max()) < 9
    suppressed = GenerationConfig.from_pretrained(tmp_path / "out").suppress_tokens
    assert suppressed == (list(range(1536, 2048)) if after > 1536 else None)
    assert json.loads((tmp_path / "out/config.json").read_text(encoding="utf-8"))["vocab_size"] == after


def test_rows_that_other_tokens_have_are_not_spare(base: Path, extension: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", base)
    padded_to(1600)(model)
    (model / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"extends a vocabulary of 1,024, and .* has 1,600 rows"):
        resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)


@pytest.mark.parametrize("shard_size", ["5GB", "20KB"])
def test_a_stored_copy_of_a_tied_head_is_left_out(
    base: Path, extension: Path, tmp_path: Path, shard_size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_small_model(tmp_path / "model", base, tied=True, shard_size=shard_size)
    resize_folder(model, tokenizer=extension, out=tmp_path / "plain", config=MEAN)
    index = model / INDEX
    if index.is_file():
        shard = load_file(weight_files(model)[0])
        save_file({**shard, HEAD: all_tensors(model)[EMBEDDINGS].clone()}, weight_files(model)[0], {"format": "pt"})
        said = json.loads(index.read_text(encoding="utf-8"))
        said["weight_map"][HEAD] = weight_files(model)[0].name
        index.write_text(json.dumps(said), encoding="utf-8")
    else:
        head_stored_too(model)
    capsys.readouterr()
    resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    assert "one matrix is kept" in capsys.readouterr().err
    plain, found = all_tensors(tmp_path / "plain"), all_tensors(tmp_path / "out")
    assert HEAD not in found and plain.keys() == found.keys()
    assert all(torch.equal(plain[name], found[name]) for name in plain)
    if index.is_file():
        told = json.loads((tmp_path / "out" / INDEX).read_text(encoding="utf-8"))
        assert told["weight_map"].keys() == found.keys()


def all_tensors(folder: Path) -> dict[str, Any]:
    return {name: tensor for file in weight_files(folder) for name, tensor in load_file(file).items()}


def test_a_head_that_differs_is_kept_and_untied_aloud(
    base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_small_model(tmp_path / "model", base, tied=True, dtype=torch.float32)
    head_that_differs(model)
    done = resize_folder(model, tokenizer=extension, out=tmp_path / "out", config=MEAN)
    assert "the setting becomes false" in capsys.readouterr().err
    assert not done.tied
    assert json.loads((tmp_path / "out/config.json").read_text(encoding="utf-8"))["tie_word_embeddings"] is False
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert torch.equal(loaded.lm_head.weight[:1024], load_file(model / "model.safetensors")[HEAD])
    assert not torch.equal(loaded.lm_head.weight, loaded.get_input_embeddings().weight)


def truncated(model: Path) -> None:
    data = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    data["truncation"] = {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0}
    (model / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")


def as_it_is(model: Path) -> None:
    pass


WAYS = [
    pytest.param(True, head_stored_too, 1, id="tied, head stored too"),
    pytest.param(True, head_that_differs, 1, id="says tied, head differs"),
    pytest.param(False, padded_to(1088), 1, id="padded"),
    pytest.param(False, padded_to(2048), 1, id="padded beyond the new tokens"),
    pytest.param(True, as_it_is, 1000, id="pad-to"),
    pytest.param(False, truncated, 1, id="truncation saved"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("tied", "shape", "pad_to"), WAYS)
def test_what_is_trained_is_what_llama_cpp_runs(
    base: Path, extension: Path, tmp_path: Path, tied: bool, shape: Shape, pad_to: int
) -> None:
    """Resize, train, merge, GGUF, llama.cpp: its logits are those of the merged model, whose new rows were trained."""
    pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
    from running_llama_cpp import LlamaCpp

    from hanhua.continued_pretrain.config import ContinuedPretrainConfig
    from hanhua.continued_pretrain.stage import pretrain
    from hanhua.services import Services
    from hanhua.vocab_extension.export.gguf_file import export_gguf

    model = write_model(tmp_path / "model", base, tied=tied)
    shape(model)
    resized = tmp_path / "resized"
    methods = Methods.parse("mean+calibrated")
    done = grow_model(model, tokenizer=extension, out=resized / "model", methods=methods, seed=0, pad_to=pad_to)
    artifact = write_manifest(resized, kind="resized", config={}, inputs={}, facts={"first_new_id": 1024})
    corpus = make_corpus(tmp_path / "corpus", documents())
    config = ContinuedPretrainConfig.model_validate(TRAINING)
    (tmp_path / "trained").mkdir()
    pretrain(config, {"model": artifact, "corpus": corpus}, tmp_path / "trained", services=Services())
    merged = tmp_path / "trained" / "model"
    assert_trained(resized / "model", merged)
    export_gguf(merged, tmp_path / "m.gguf", dtype="f32")
    llama, ids = LlamaCpp(tmp_path / "m.gguf"), [768, 100, 1100, 1200, 300]
    found = llama.log_probabilities(ids, most=done.vocab_size)
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)(torch.tensor([ids])).logits[0, -1]
    wanted = logits.log_softmax(dim=-1)
    assert len(found) == done.vocab_size
    worst = max(abs(float(wanted[id_]) - value) for id_, value in found.items() if value > -20)
    assert worst < 2e-3
    text = chinese_texts()[0][:200]
    data = json.loads((merged / "tokenizer.json").read_text(encoding="utf-8"))
    assert not data.get("truncation")
    assert len(llama.ids(text)) > 16


TRAINING = {
    "sequence_length": 64,
    "micro_batch_size": 2,
    "gradient_accumulation_steps": 1,
    "max_tokens": 64 * 2 * 4,
    "weights": {"zh": 0.75, "en": 0.25},
    "learning_rate": 1e-2,
    "embedding_learning_rate": 2e-2,
    "lora": {"rank": 4, "alpha": 8},
    "threads": 1,
}


def documents() -> list[Document]:
    texts = [("zh", text) for text in chinese_texts()[:40]] + [("en", text) for text in english_texts()[:20]]
    return [
        Document(f"{name}:f#{i}", text[:400], name, language=name, split="heldout" if i % 10 == 0 else "train")
        for i, (name, text) in enumerate(texts)
    ]


def assert_trained(before: Path, after: Path) -> None:
    """Every matrix of rows in the shipped file is a trained one, and one matrix is one."""
    old, new = all_tensors(before), all_tensors(after)
    matrices = {EMBEDDINGS, HEAD} & new.keys()
    for name in matrices:
        assert not torch.equal(old[name][1024:1536], new[name][1024:1536]), name
        assert torch.equal(old[name][:1024], new[name][:1024]), name
    config = json.loads((after / "config.json").read_text(encoding="utf-8"))
    assert bool(config["tie_word_embeddings"]) == (HEAD not in matrices)


def write_model(folder: Path, tokenizer: Path, *, tied: bool) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=tied,
        initializer_range=0.1,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        bos_token_id=768,
        eos_token_id=[769, 777],
    )
    LlamaForCausalLM(config).save_pretrained(copytree(tokenizer, folder, dirs_exist_ok=True))
    return folder
