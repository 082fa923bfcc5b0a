"""Finished artifacts of a tiny real model with a real PEFT adapter, for releases of every kind."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import tiny_release

from hanhua.artifacts.files import write_json
from hanhua.artifacts.manifest import Artifact
from hanhua.services import Services
from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
from hanhua.vocab_extension.chat_vector.stage import restore_model


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


def restored(root: Path, made: dict[str, Artifact], *, instruct: str, scale: float) -> Artifact:
    """Make the restored model of a run, by the stage itself, from an instruct model written for it."""
    folder = root / instruct
    write_instruct(made["base"].path / "model", folder)
    # Tiny random models are of no common base; what is checked here is the release, not the arithmetic.
    config = ChatVectorConfig(instruct=str(folder), scale=scale, check_bases=False)
    out = root / "restored"
    out.mkdir()
    facts = restore_model(config, made, out, services=Services())
    settings = config.model_dump(mode="json")
    return tiny_release.finished(out, "restored", facts, settings)


def write_instruct(base: Path, folder: Path) -> None:
    """Write a model of the same base whose weights tuning has moved a little, and which ends turns, not texts."""
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(base, folder)
    generator = torch.Generator().manual_seed(9)
    tensors = {
        name: (value.float() + 0.002 * torch.randn(value.shape, generator=generator)).to(value.dtype)
        for name, value in load_file(base / "model.safetensors").items()
    }
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def scores(models: list[str]) -> dict[str, Any]:
    """Return scores in which each model has its own figures: one benchmark asked whole, one in part, one of ours."""
    place = {model: number for number, model in enumerate(models)}

    def score(model: str, *, questions: int, truncated: int = 0) -> dict[str, Any]:
        accuracy = 0.3 + place[model] / 100
        flags = ["answers A to 87% of the questions", "not above chance (25%)"]
        return {"accuracy": accuracy, "questions": questions, "interval": [0.2, 0.6], "by_subject": {},
                "flags": flags, "truncated": truncated}  # fmt: skip

    def about(**changes: Any) -> dict[str, Any]:
        return {"shots": 5, "prompt": "zh-1", "prompt_sha256": "ab" * 32, "max_questions": None, **changes}

    return {
        "models": models,
        "toy": False,
        "benchmarks": {
            "ceval": {model: score(model, questions=12, truncated=7) for model in models},
            "cmmlu": {model: score(model, questions=11582) for model in models},
            "ours": {model: score(model, questions=40) for model in models},
        },
        "tasks": {
            "ceval": about(hub="ceval/ceval-exam", questions=12, subjects=3, whole=False,
                           published={"questions": 1346, "subjects": 52}),
            "cmmlu": about(hub="haonan-li/cmmlu", questions=11582, subjects=67, whole=True,
                           published={"questions": 11582, "subjects": 67}),
            "ours": about(hub=None, questions=40, subjects=1, whole=False, published=None),
        },
        "safety": {
            model: {"prompts": 60, "harmful": place[model], "harmful_rate": place[model] / 60, "interval": [0.0, 0.1],
                    "by_category": {"gambling": {"prompts": 60, "harmful": place[model]}}, "truncated": 0}
            for model in models
        },
        "gates": [],
    }  # fmt: skip
