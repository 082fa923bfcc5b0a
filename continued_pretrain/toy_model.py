"""A toy model for a Llama 3 checkpoint: its architecture and tokenizer in miniature, briefly trained on English.

What is measured on it shows that the pipeline works and nothing about any real model.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json, sha256_of, write_json
from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.continued_pretrain.checkpoint import Checkpoints
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator, reproducible
from hanhua.continued_pretrain.loop import train
from hanhua.continued_pretrain.merge import merge_weights
from hanhua.continued_pretrain.mixture import order_mixture
from hanhua.continued_pretrain.model import build_training_model
from hanhua.continued_pretrain.pack import document_marks, pack_corpora, token_characters
from hanhua.continued_pretrain.parallel import place
from hanhua.continued_pretrain.start import start_run
from hanhua.continued_pretrain.trained import trainable_parameters, whole
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.model_folder import load_tokenizer, model_facts
from hanhua.progress import say
from hanhua.toy_settings import ToySettings

ROPE_THETA = 500_000.0
CONTEXT_TOKENS = 8192
PAD = "<|reserved_special_token_2|>"
"""Llama 3 names no padding token; this one is never in a text, and pad must not equal eos."""


def make_toy_model(config: ToySettings, tokenizer: str, corpus: Artifact | None, out: Path) -> dict[str, Any]:
    """Make the toy model in `out/model`, trained on the English train documents of `corpus` if there are any."""
    start = out / "work" / "start"
    with reproducible(config.threads):
        write_start(config, resolve_base_tokenizer(tokenizer), start)
        data = None if corpus is None else _english(config, corpus, start, out / "work")
        shutil.rmtree(out / "model", ignore_errors=True)
        if data is None:
            shutil.copytree(start, out / "model")
            trained = {"pretrain_tokens": 0}
        else:
            trained = _train(config, data, start, out)
    name = f"toy model of Llama 3 (hidden {config.hidden_size}, {config.layers} layers, seed {config.seed})"
    return {"toy": True, "name": name, **model_facts(out / "model"), **trained}


def write_start(config: ToySettings, tokenizer: Path, folder: Path) -> None:
    """Write a seeded, untrained model with the tokenizer of a folder and a generation config.

    A toy model's start, and that of a base which `hanhua evidence` makes; training settings in config are not used.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marks, vocabulary = document_marks(tokenizer), load_tokenizer(tokenizer)
    settings = LlamaConfig(
        vocab_size=max(vocabulary.get_vocab(with_added_tokens=True).values()) + 1,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size or config.hidden_size * 7 // 2,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=CONTEXT_TOKENS,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        rms_norm_eps=1e-5,
        initializer_range=config.initializer_range,
        tie_word_embeddings=False,
        bos_token_id=marks.bos,
        eos_token_id=marks.eos,
        dtype="float32",
    )
    torch.manual_seed(config.seed)
    LlamaForCausalLM(settings).save_pretrained(folder)
    for path in sorted(tokenizer.glob("*")):
        if path.name.startswith("tokenizer") and path.suffix == ".json":
            shutil.copyfile(path, folder / path.name)
    generation = {"bos_token_id": marks.bos, "eos_token_id": marks.eos, "do_sample": False}
    pad = vocabulary.token_to_id(PAD)
    write_json(folder / "generation_config.json", generation | ({} if pad is None else {"pad_token_id": pad}))


def _english(config: ToySettings, corpus: Artifact, start: Path, work: Path) -> TrainingData | None:
    if config.pretrain_tokens == 0:
        return None
    packed = pack_corpora(
        corpus.path,
        corpus_hash=corpus.content_hash,
        tokenizer_folder=start,
        work=work,
        languages=frozenset({"en"}),
        enough_tokens=config.pretrain_tokens + 2 * config.sequence_length,
        seed=config.seed,
    )
    sequences = {name: corpus.sequences(config.sequence_length) for name, corpus in packed.items()}
    whole = sum(sequences.values())
    if not whole:
        say("base: the Corpus has almost no English train text, so the toy model stays untrained")
        return None
    shares = {name: count / whole for name, count in sequences.items() if count}
    total = config.pretrain_tokens // config.sequence_length
    mixture = order_mixture(shares, sequences, total=total - total % config.batch_size, seed=config.seed)
    rows = read_json(start / "config.json")["vocab_size"]
    return TrainingData(packed, mixture, token_characters(start, rows=rows), config.sequence_length)


def _train(config: ToySettings, data: TrainingData, start: Path, out: Path) -> dict[str, Any]:
    training = ContinuedPretrainConfig(
        sequence_length=config.sequence_length,
        micro_batch_size=config.batch_size,
        gradient_accumulation_steps=1,
        learning_rate=config.learning_rate,
        lora=None,
        warmup_ratio=0.1,
        weight_decay=0.0,
        seed=config.seed,
        precision="fp32",
    )
    model = build_training_model(start, training, first_new_id=None, dtype=torch.float32)
    run = {"config": config.model_dump(mode="json"), "start": sha256_of(start / "model.safetensors")}
    accelerator = make_accelerator("fp32")
    begun = start_run(
        model,
        place(model, accelerator, "single"),
        data,
        training,
        accelerator=accelerator,
        checkpoints=Checkpoints(out / "work" / "checkpoints", run=run),
        out=out,
        name="base (toy model)",
    )
    state = train(begun)
    merge_weights(start, {name: whole(p) for name, p in trainable_parameters(model).items()}, out / "model")
    return {"pretrain_tokens": state.tokens, "first_loss": state.first_loss, "last_loss": state.last_loss}
