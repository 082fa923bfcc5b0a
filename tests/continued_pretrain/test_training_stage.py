from __future__ import annotations

import math
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny_corpus import NEW_TOKENS, make_corpus, make_documents
from training_fixtures import ModelMaker
from transformers import AutoModelForCausalLM, AutoTokenizer

from hanhua.artifacts import Artifact, write_manifest
from hanhua.artifacts.files import read_json
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import has_amx
from hanhua.continued_pretrain.stage import pretrain, step_sequences
from hanhua.documents import read_corpus
from hanhua.errors import HanhuaError, InputError
from hanhua.services import Services


def run(settings: dict[str, Any], resized: Artifact, corpus: Artifact, out: Path) -> dict[str, Any]:
    out.mkdir(exist_ok=True)
    config = ContinuedPretrainConfig.model_validate(settings)
    return pretrain(config, {"corpus": corpus, "model": resized}, out, services=Services())


def bits_per_character(model: Path, corpus: Artifact) -> float:
    """On held-out Chinese, through plain transformers."""
    tokenizer, plain = AutoTokenizer.from_pretrained(model), AutoModelForCausalLM.from_pretrained(model).eval()
    nats, characters = 0.0, 0
    for document in read_corpus(corpus.path, split="heldout", corpora=["zh"]):
        text_ids = tokenizer(document.text, add_special_tokens=False).input_ids
        ids = torch.tensor([[tokenizer.bos_token_id, *text_ids]])
        with torch.no_grad():
            nats += float(plain(ids, labels=ids).loss) * (ids.shape[1] - 1)
        characters += len(document.text)
    return nats / math.log(2) / characters


def test_the_adapted_model_knows_more_chinese(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    facts = run({**settings, "max_tokens": 64 * 4 * 40}, resized, corpus, tmp_path / "out")
    before = bits_per_character(resized.path / "model", corpus)
    after = bits_per_character(tmp_path / "out" / "model", corpus)
    assert after < 0.95 * before
    assert facts["tokens"] == 64 * 4 * 40
    assert facts["steps"] == 40
    assert facts["last_loss"] < facts["first_loss"]
    assert facts["new_rows"] == NEW_TOKENS + 3  # with the marks, which follow the new tokens here
    assert 0 < facts["new_token_share"] < 1
    assert facts["corpora"]["zh"]["share"] == 0.75
    assert facts["corpora"]["en_replay"]["tokens"] == 64 * 40
    assert facts["corpora"]["zh"]["epochs"] > 1 > facts["corpora"]["en_replay"]["epochs"]
    rows = read_json(tmp_path / "out" / "adapter" / "hanhua.json")
    assert rows["base_content_hash"] == resized.part("model").content_hash
    write_manifest(tmp_path / "out", kind="adapted", config={}, inputs={}, facts=facts)  # plain finite data


@pytest.mark.parametrize(
    "change",
    [{"lora": None}, {"schedule": "wsd"}, {"weights": {}, "max_tokens": None}, {"trainable": "new_embeddings"}],
    ids=str,
)
@pytest.mark.parametrize("new", [True, False])
def test_every_way_to_train_leaves_a_model(
    change: dict[str, Any],
    new: bool,
    settings: dict[str, Any],
    make_model: ModelMaker,
    corpus: Artifact,
    tmp_path: Path,
) -> None:
    base = make_model(new=new)
    small = {**settings, "max_tokens": 64 * 8, "epochs": 0.2, **change}
    if small.get("trainable") == "new_embeddings" and not new:
        with pytest.raises(InputError, match="the model has no new tokens"):
            run(small, base, corpus, tmp_path / "out")
        return
    facts = run(small, base, corpus, tmp_path / "out")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "model")
    assert plain.dtype == torch.float32
    assert facts["vocab_size"] == plain.config.vocab_size
    assert (tmp_path / "out" / "adapter").is_dir() == (small["lora"] is not None)
    assert (facts["new_rows"] > 0) == new


@pytest.mark.skipif(torch.cuda.is_available() or not has_amx(), reason="no CPU with AMX to compute bf16 on")
def test_bf16_on_a_cpu_learns_as_fp32_does(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    found = {name: run({**settings, "precision": name}, resized, corpus, tmp_path / name) for name in ("fp32", "bf16")}
    losses = [facts["last_loss"] for facts in found.values()]
    assert losses[0] != losses[1], "bf16 rounds"
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    tensors = load_file(tmp_path / "bf16" / "model" / "model.safetensors").values()
    assert {tensor.dtype for tensor in tensors} == {torch.float32}, "trained in bf16, kept as the base is"


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's own loading
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("trainable", ["new_embeddings", "embeddings", "adapters+embeddings"])
def test_what_is_trained_moves_and_peft_reads_its_adapter(
    trainable: str, tied: bool, settings: dict[str, Any], make_model: ModelMaker, corpus: Artifact, tmp_path: Path
) -> None:
    base = make_model(tied=tied)
    run({**settings, "max_tokens": 64 * 8, "trainable": trainable}, base, corpus, tmp_path / "out")
    before, after = (load_file(p / "model" / "model.safetensors") for p in (base.path, tmp_path / "out"))
    first = base.facts["first_new_id"]
    assert before.keys() == after.keys()
    for name in before:
        of_words = "embed_tokens" in name or "lm_head" in name
        moved = not torch.equal(before[name], after[name])
        assert moved == (of_words or (trainable == "adapters+embeddings" and "proj" in name)), name
        if of_words:
            assert torch.equal(before[name][:first], after[name][:first]) == (trainable == "new_embeddings"), name
    adapter = tmp_path / "out" / "adapter"
    assert adapter.is_dir() == (trainable != "embeddings" and not tied)
    if adapter.is_dir():
        plain = AutoModelForCausalLM.from_pretrained(base.path / "model")
        loaded = PeftModel.from_pretrained(plain, adapter).eval()
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "model").eval()
        ids = torch.arange(plain.config.vocab_size)[-50:][None]
        with torch.no_grad():
            torch.testing.assert_close(loaded(input_ids=ids).logits, merged(ids).logits, rtol=1e-4, atol=1e-4)


def test_one_pass_sees_each_corpus_once(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    one_by_one = {
        "sequence_length": 128,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "max_tokens": None,
        "weights": {},
    }
    facts = run({**settings, **one_by_one}, resized, corpus, tmp_path / "out")
    assert all(found["epochs"] == 1.0 for found in facts["corpora"].values())


def test_errors_come_before_the_work(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    def texts(name: str, count: int, split: Any) -> Artifact:
        chosen = [replace(d, split=split) for d in make_documents()[:count]]
        return make_corpus(tmp_path / name, chosen)

    weights = {"weights": {"zh": 1.0}, "max_tokens": None}
    for corpus_given, change, message in [
        (texts("empty", 9, "heldout"), weights, "no document in its train split"),
        (texts("short", 1, "train"), {**weights, "sequence_length": 4096}, "shorter than one sequence of 4,096"),
        (texts("few", 20, "train"), {**weights, "gradient_accumulation_steps": 999}, "less than one step"),
        (corpus, {"weights": {"zh": 1.0, "en_replay": 0.1, "web": 0.1}}, "'web' .* no document"),
        (corpus, {"weights": {"zh": 1.0}}, "no weight for the corpus 'en_replay'"),
    ]:
        with pytest.raises(InputError, match=message):
            run({**settings, **change}, resized, corpus_given, tmp_path / "out")
    assert not (tmp_path / "out" / "model").exists()


def test_another_setting_in_the_same_folder_is_refused(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    short = {**settings, "max_tokens": 64 * 8}
    run(short, resized, corpus, tmp_path / "out")
    with pytest.raises(HanhuaError, match=r"another run \(config\.learning_rate"):
        run({**short, "learning_rate": 1e-4}, resized, corpus, tmp_path / "out")


def test_all_weights_of_a_sharded_base_come_back_whole(
    settings: dict[str, Any], make_model: ModelMaker, corpus: Artifact, tmp_path: Path
) -> None:
    base = make_model(shard="60KB", dtype="bfloat16")
    run({**settings, "lora": None, "max_tokens": 64 * 8}, base, corpus, tmp_path / "out")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "model")
    before = AutoModelForCausalLM.from_pretrained(base.path / "model")
    assert plain.dtype == torch.bfloat16
    assert not torch.equal(plain.lm_head.weight, before.lm_head.weight)


def test_a_full_disk_at_the_end_keeps_the_training(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    short = {**settings, "max_tokens": 64 * 8, "lora": {"rank": 1}}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))  # checkpoints fit, the model's 150 KB do not
    try:
        with pytest.raises(HanhuaError, match=r"trained model could not be written.*last checkpoint is kept"):
            run(short, resized, corpus, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    facts = run(short, resized, corpus, tmp_path / "out")
    assert facts == run(short, resized, corpus, tmp_path / "other")


def test_a_step_stays_as_the_run_began_it(settings: dict[str, Any], tmp_path: Path) -> None:
    config = ContinuedPretrainConfig.model_validate(settings)
    checkpoints = Checkpoints(tmp_path, run={})
    assert step_sequences(config, checkpoints, processes=3) == 2 * 2 * 3
    checkpoints.run = {"batch_sequences": 8}
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([parameter])
    parameter.sum().backward()
    optimizer.step()
    checkpoints.save(TrainState(step=1), {"a": parameter}, optimizer)
    assert [step_sequences(config, checkpoints, processes=n) for n in (1, 2, 4)] == [8, 8, 8]
    with pytest.raises(
        InputError, match=r"begun with 8 sequences per step, which 3 processes of 2 cannot make.*divides 4"
    ):
        step_sequences(config, checkpoints, processes=3)
