"""Finished artifacts of a tiny real model with a real PEFT adapter, for releases of every kind."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import tiny_release

from hanhua.artifacts.files import write_json
from hanhua.artifacts.manifest import Artifact


def artifacts(root: Path, *, extended: bool = True) -> dict[str, Artifact]:
    """Make base, tokenizer, resized, adapted (with `adapter/`) and corpus; without an extension neither of two."""
    words = tiny_release.NEW_WORDS if extended else []
    tiny_release.write_model(root / "base" / "model", new_words=[], seed=1)
    base = tiny_release.finished(root / "base", "base", {"vocab_size": rows(root / "base" / "model")})
    trained_on = base
    made = {"base": base}
    if extended:
        tiny_release.write_model(root / "resized" / "model", new_words=words, seed=1)
        trained_on = made["resized"] = tiny_release.finished(root / "resized", "resized", {})
        (root / "tokenizer").mkdir()
        new = tiny_release.write_tokenizer(root / "tokenizer", new_words=words) - rows(root / "base" / "model")
        write_json(root / "tokenizer" / "extension.json", {"tokens": words})
        compression = {"heldout": {"zh": {"base": 1.05, "extended": 1.47}}}
        facts = {"new_tokens": new, "vocab_size": rows(root / "resized" / "model"), "compression": compression}
        made["tokenizer"] = tiny_release.finished(root / "tokenizer", "tokenizer", facts)
    write_adapted(root / "adapted", trained_on)
    made["adapted"] = tiny_release.finished(
        root / "adapted", "adapted", {"tokens": 98_304}, {"sequence_length": 256, "lora": {"rank": 4}}
    )
    (root / "corpus").mkdir()
    (root / "corpus" / "content.txt").write_text("corpus", encoding="utf-8")
    counts = {"read": 300, "kept": 250, "train": 230, "heldout": 20, "masked": {"MOBILE": 7}}
    made["corpus"] = tiny_release.finished(root / "corpus", "corpus", {"corpora": {"zh": counts}})
    return made


def rows(model: Path) -> int:
    settings = json.loads((model / "config.json").read_text(encoding="utf-8"))
    return int(settings["vocab_size"])


def write_adapted(folder: Path, base: Artifact) -> None:
    """Write `adapter/`, as training leaves it, and `model/` with it merged."""
    with warnings.catch_warnings():
        # peft asks transformers 5 for a name it calls deprecated.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        _write_adapted(folder, base)


def _write_adapted(folder: Path, base: Artifact) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base.path / "model", dtype="auto")
    torch.manual_seed(3)
    settings = LoraConfig(r=4, lora_alpha=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    adapted = get_peft_model(model, settings)
    adapted.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink()
    tensors = sum(parameter.requires_grad for parameter in adapted.parameters())
    named = {"base_content_hash": base.part("model").content_hash, "tensors": tensors}
    write_json(folder / "adapter" / "hanhua.json", named)
    adapted.merge_and_unload().save_pretrained(folder / "model")
    AutoTokenizer.from_pretrained(base.path / "model").save_pretrained(folder / "model")
