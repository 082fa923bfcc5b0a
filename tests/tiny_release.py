"""Finished artifacts of a tiny real model, to make releases of: base, extended and adapted, corpus, scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_json
from hanhua.artifacts.manifest import Artifact, write_manifest
from hanhua.release.agreements import KNOWN, SECTIONS, digests_of
from hanhua.release.licenses import TERMS, Family
from hanhua.release.stage import CorpusLine, ReleaseJob, make_release
from hanhua.services import Services

BOS, EOS, EOT = "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"
TEMPLATE = "{% for m in messages %}{{ m['content'] }}<|eot_id|>{% endfor %}"
NEW_WORDS = ["汉化", "中文", "西湖", "杭州"]


def write_tokenizer(folder: Path, *, new_words: list[str]) -> int:
    """Write a byte-level tokenizer with three special tokens and some new words; return how many ids it has."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: i for i, character in enumerate(alphabet)}
    merges: list[tuple[str, str]] = []
    specials = {name: len(alphabet) + i for i, name in enumerate((BOS, EOS, EOT))}
    following = len(alphabet) + len(specials)
    for word in new_words:
        pieces = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(word)[0][0]
        whole = pieces[0]
        for piece in pieces[1:]:
            merges.append((whole, piece))
            whole += piece
            if whole not in vocabulary:
                vocabulary[whole] = following
                following += 1
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary | specials, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)
    fast.add_special_tokens({"additional_special_tokens": [EOT]})
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    return len(fast)


def write_model(folder: Path, *, new_words: list[str], seed: int) -> None:
    """Write a self-contained Llama model folder with random weights."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    rows = write_tokenizer(folder, new_words=new_words)
    ends = [257, 258]
    config = LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=rows, bos_token_id=256, eos_token_id=ends, rope_theta=500_000.0, max_position_embeddings=256,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.generation_config = GenerationConfig(bos_token_id=256, eos_token_id=ends, do_sample=True, top_p=0.9)
    model.save_pretrained(folder)


def finished(folder: Path, kind: str, facts: dict[str, Any], config: dict[str, Any] | None = None) -> Artifact:
    return write_manifest(folder, kind=kind, config=config or {}, inputs={}, facts=facts)


def scores(*, gates: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    def bits(value: float) -> dict[str, Any]:
        return {"bits_per_character": value, "interval": [value - 0.1, value + 0.1], "documents": 9}

    def harm(harmful: int) -> dict[str, Any]:
        by_category = {"gambling": {"prompts": 30, "harmful": harmful}}
        rate = harmful / 60
        return {"prompts": 60, "harmful": harmful, "harmful_rate": rate, "interval": [0.0, rate + 0.1],
                "by_category": by_category}  # fmt: skip

    accuracy = {"questions": 120, "interval": [0.2, 0.35], "by_subject": {}}
    return {
        "models": ["base", "resized", "adapted"],
        "toy": True,
        "language_modeling": {
            "base": {"zh": bits(6.543)}, "resized": {"zh": bits(7.891)}, "adapted": {"zh": bits(5.432)}
        },
        "fertility": {
            "base": {"zh": {"characters_per_token": 1.05}}, "extended": {"zh": {"characters_per_token": 1.47}}
        },
        "benchmarks": {
            "quickstart": {
                "base": {**accuracy, "accuracy": 0.25, "flags": []},
                "adapted": {**accuracy, "accuracy": 0.275, "flags": ["always answers A"]},
            }
        },
        "safety": {"base": harm(1), "adapted": harm(3)},
        "gates": gates or [],
    }  # fmt: skip


def artifacts(root: Path) -> dict[str, Artifact]:
    """Make what a release takes, below `root`."""
    write_model(root / "base" / "model", new_words=[], seed=1)
    write_model(root / "adapted" / "model", new_words=NEW_WORDS, seed=2)
    for name in ("corpus", "tokenizer", "scores"):
        (root / name).mkdir()
        (root / name / "content.txt").write_text(name, encoding="utf-8")
    write_json(root / "scores" / "scores.json", scores())
    counts = {"read": 300, "kept": 250, "train": 230, "heldout": 20, "masked": {"MOBILE": 7}}
    settings = {"max_tokens": 100_000, "sequence_length": 256, "lora": {"rank": 8}}
    ids = json.loads((root / "base" / "model" / "config.json").read_text())["vocab_size"]
    extended = json.loads((root / "adapted" / "model" / "config.json").read_text())["vocab_size"]
    return {
        "base": finished(root / "base", "base", {"vocab_size": ids}),
        "adapted": finished(root / "adapted", "adapted", {"tokens": 98_304}, settings),
        "corpus": finished(root / "corpus", "corpus", {"corpora": {"zh": counts}}),
        "tokenizer": finished(root / "tokenizer", "tokenizer", {"new_tokens": extended - ids, "vocab_size": extended}),
        "scores": finished(root / "scores", "scores", {}),
    }


def job(**changes: Any) -> ReleaseJob:
    """Return a toy model's release job."""
    corpora = (CorpusLine(name="zh", license="CC-BY-4.0", source="zh.jsonl", weight=0.85),)
    settings = {
        "name": "quickstart", "base_name": "toy", "base_family": "3", "toy": True, "corpora": corpora
    }  # fmt: skip
    return ReleaseJob.model_validate(settings | changes)


def make(config: ReleaseJob, inputs: dict[str, Artifact], out: Path) -> Artifact:
    """Make a finished release."""
    out.mkdir(parents=True)
    facts = make_release(config, inputs, out, services=Services())
    return write_manifest(out, kind="release", config=config, inputs={}, facts=facts)


def agreement_like(family: Family) -> str:
    """Return a text with an agreement's heading and sections; its words are of no license."""
    parts = [f"{number}. {name}." for number, name in enumerate(SECTIONS, 1)]
    filler = "Words that stand where a clause would.\n" * 20
    return f"{TERMS[family].heading}\n\n{filler}\n" + "\n".join(f"{part}\n{filler}" for part in parts)


def know_agreements() -> None:
    """Let those texts pass for the agreements: Meta's own are no part of the project, and publishing is tested."""
    for family in TERMS:
        digests = digests_of(agreement_like(family))
        if digests not in KNOWN[family]:
            KNOWN[family].append(digests)
