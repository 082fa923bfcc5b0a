"""The whole stage: three models side by side, placebos, gates, and going on after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_eval import (
    CHINESE,
    Digits,
    WordList,
    random_network,
    resize_by_means,
    save_model,
    train_briefly,
)
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from hanhua.artifacts.manifest import Artifact, write_manifest
from hanhua.base_tokenizer import BOS, EOS
from hanhua.documents import Document
from hanhua.documents.compression import open_decompressed
from hanhua.documents.corpus import write_corpus
from hanhua.errors import InputError, UsageError
from hanhua.eval.config import EvalConfig, LanguageModeling
from hanhua.eval.engine.loaded_model import load_model
from hanhua.eval.engine.model_folder import ModelFolder, open_model_folder
from hanhua.eval.stage import evaluate, evaluate_models
from hanhua.services import Services

SKILLS = Services(harm=WordList(fraud="时间", gambling="老人"), masker=Digits())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    pieces = [piece for text in CHINESE for piece in text.split("，")]
    questions = [
        {
            "id": f"q{i}",
            "subject": ("a", "b")[i % 2],
            "question": f"{pieces[i % len(pieces)]}，第{i}题",
            **{letter: pieces[(i + shift) % len(pieces)] for shift, letter in enumerate("ABCD")},
            "answer": "ABCD"[i * 7 % 4],
        }
        for i in range(40)
    ]
    prompts = [
        {"id": f"p{i}", "prompt": piece, "category": ("fraud", "gambling")[i % 2], "benign": i % 4 == 3}
        for i, piece in enumerate(pieces)
    ]
    for name, rows in (("questions", questions), ("prompts", prompts)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def config(files: Path) -> EvalConfig:
    return make_config(files)


def make_config(files: Path, **changes: Any) -> EvalConfig:
    settings = {
        "language_modeling": {"context_tokens": 64, "max_characters": 150},
        "benchmarks": [{"name": "mini", "path": str(files / "questions.jsonl")}],
        "behavior": {"max_new_tokens": 6, "character_words": 8},
        "safety": {"prompts": str(files / "prompts.jsonl"), "max_new_tokens": 6},
        "threads": 1,
        **changes,
    }
    return EvalConfig.model_validate(settings)


def artifact(folder: Path, kind: str, **facts: object) -> Artifact:
    return write_manifest(folder, kind=kind, config={}, inputs={}, facts=facts)


@pytest.fixture(scope="module")
def inputs(
    make_model: Callable[..., ModelFolder], documents: list[Document], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Artifact]:
    corpus = tmp_path_factory.mktemp("corpus")
    learned = Document(id="zh:file#99", text="训练用的文章。" * 9, corpus="zh", language="zh", split="train")
    write_corpus(corpus, [*documents, learned])
    made = {"corpus": artifact(corpus, "corpus")}
    for name, kind, seed in (("base", "base", 1), ("resized", "resized", 2), ("adapted", "adapted", 3)):
        folder = make_model(name, seed=seed, extend=name != "base").folder.parent
        made[name] = artifact(folder, kind, toy=True)
    return made


def sample_rows(path: Path) -> list[dict[str, Any]]:
    with open_decompressed(path) as file:
        return [json.loads(line) for line in file]


def test_three_models_side_by_side(inputs: dict[str, Artifact], config: EvalConfig, tmp_path: Path) -> None:
    facts = evaluate(config, inputs, tmp_path, services=SKILLS)
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["models"] == ["base", "resized", "adapted"]
    assert scores["toy"] is facts["toy"] is True
    assert scores["tokenizers"] == {"base": "base", "resized": "extended", "adapted": "extended"}
    gained = [scores["fertility"][t]["zh"]["characters_per_token"] for t in ("base", "extended")]
    assert gained[0] < gained[1]
    assert scores["fertility"]["base"]["en"] == scores["fertility"]["extended"]["en"]
    for model in scores["models"]:
        by_corpus = scores["language_modeling"][model]
        assert by_corpus["zh"]["documents"] == len(CHINESE), "train documents must not be measured"
        assert by_corpus["zh"]["interval"][0] < by_corpus["zh"]["bits_per_character"] < by_corpus["zh"]["interval"][1]
        assert facts["bits_per_character"][model]["zh"] == by_corpus["zh"]["bits_per_character"]
    pairs = [(pair["before"], pair["after"], pair["same_tokenizer"]) for pair in scores["comparisons"]]
    assert pairs == [("base", "resized", False), ("base", "adapted", False), ("resized", "adapted", True)]
    assert scores["tasks"]["mini"]["prompt"] == "zh-1"
    assert len(scores["tasks"]["mini"]["prompt_sha256"]) == 64


def test_beginnings_are_continued_by_every_model(inputs: dict[str, Artifact], files: Path, tmp_path: Path) -> None:
    config = EvalConfig.model_validate(
        {
            "language_modeling": None,
            "continuations": {"prompts": ["春天来了，", "从前"], "max_new_tokens": 4},
            "threads": 1,
        }
    )
    facts = evaluate(config, inputs, tmp_path, services=Services())
    assert [one["prompt"] for one in facts["continuations"]] == ["春天来了，", "从前"]
    for one in facts["continuations"]:
        assert list(one["models"]) == ["base", "resized", "adapted"]
        assert not any(text.endswith("\ufffd") for text in one["models"].values())
    (tmp_path / "again").mkdir()
    assert evaluate(config, inputs, tmp_path / "again", services=Services())["continuations"] == facts["continuations"]


def test_every_number_is_a_sum_over_a_sample_file(
    inputs: dict[str, Artifact], config: EvalConfig, tmp_path: Path
) -> None:
    evaluate(config, inputs, tmp_path, services=SKILLS)
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    for model in scores["models"]:
        folder = tmp_path / "samples" / model
        documents = sample_rows(folder / "language_modeling.jsonl.zst")
        chinese = [row for row in documents if row["corpus"] == "zh"]
        assert sum(row["nats"] for row in chinese) == scores["language_modeling"][model]["zh"]["nats"]
        answers = sample_rows(folder / "mini.jsonl.zst")
        assert sum(row["correct"] for row in answers) / 40 == scores["benchmarks"]["mini"][model]["accuracy"]
        judged = [row for row in sample_rows(folder / "safety.jsonl.zst") if not row["benign"]]
        assert sum(row["harmful"] for row in judged) == scores["safety"][model]["harmful"]
        assert not any("时间" in row["shown"] or "老人" in row["shown"] for row in judged)


def test_placebo_two_identical_models(
    base: ModelFolder, documents: list[Document], files: Path, tmp_path: Path
) -> None:
    # The second has its weights written to another file layout, so that its responses are computed anew.
    network = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    network.save_pretrained(tmp_path / "twin", max_shard_size="40KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "twin" / name).write_bytes((base.folder / name).read_bytes())
    twin = open_model_folder("twin", tmp_path / "twin")
    assert twin.content_hash != base.content_hash
    out = tmp_path / "out"
    out.mkdir()
    evaluate_models(make_config(files), [base, twin], documents, out, services=SKILLS)
    (pair,) = json.loads((out / "scores.json").read_text(encoding="utf-8"))["comparisons"]
    kinds = ("language_modeling", "language_modeling_at_characters", "benchmarks", "characters", "behavior")
    found = [one for kind in kinds for one in pair[kind].values()]
    found += [pair[kind] for kind in ("safety", "refusal", "over_refusal")]
    assert {one["verdict"] for one in found} == {"no difference"}
    assert len(found) >= 12
    assert pair["benchmarks"]["mini"]["difference"] == 0
    verdict = json.loads((out / "scores.json").read_text(encoding="utf-8"))["verdict"]
    assert (verdict["chinese"], verdict["benchmarks"], verdict["harm"]) == (
        "no difference",
        {"mini": "no difference"},
        "no difference",
    )


def test_placebo_extension_without_training_is_never_an_improvement_it_did_not_make(
    inputs: dict[str, Artifact], files: Path, tmp_path: Path
) -> None:
    """Resized and adapted are one model (learning rate 0): no gain between them, and a gate on it is unmet."""
    same = {**inputs, "adapted": inputs["resized"]}
    gates_wanted = {"min_gain": 0.001, "max_english_loss": 10.0}
    config = make_config(files, gates=gates_wanted, safety=None, behavior=None, benchmarks=[])
    facts = evaluate(config, same, tmp_path, services=Services())
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["verdict"]["chinese"] != "better"
    gates = {gate["name"]: gate for gate in facts["gates"]}
    assert gates["min_gain"] == {"name": "min_gain", "limit": 0.001, "value": 0.0, "met": False}
    assert gates["max_english_loss"]["met"]


def test_placebo_learning_rate_zero_is_worse_than_a_base_that_knows_chinese(
    tokenizer: Tokenizer, extended: Tokenizer, tmp_path: Path
) -> None:
    """New rows that nothing was learned for take probability from what the base knew: worse bits per byte."""
    ids = {"bos": tokenizer.token_to_id(BOS), "eos": tokenizer.token_to_id(EOS)}
    base = random_network(tokenizer.get_vocab_size(), seed=1, **ids)
    train_briefly(base, tokenizer, CHINESE)
    models = [open_model_folder("base", save_model(base, tokenizer, tmp_path / "base"))]
    resized = resize_by_means(base, tokenizer, extended)
    for name in ("resized", "adapted"):
        models.append(open_model_folder(name, save_model(resized, extended, tmp_path / name)))
    known = [text[start:] for text in CHINESE for start in (0, 3, 6, 9)]
    documents = [
        Document(id=f"zh:file#{n}", text=text, corpus="zh", language="zh", split="heldout")
        for n, text in enumerate(known)
    ]
    config = EvalConfig(language_modeling=LanguageModeling(max_characters=150, max_truncated_prompts=None))
    out = tmp_path / "out"
    out.mkdir()
    evaluate_models(config, models, documents, out, services=Services())
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    bits = {name: found["zh"]["bits_per_byte"] for name, found in scores["language_modeling"].items()}
    assert bits["adapted"] == bits["resized"] > bits["base"]
    assert scores["verdict"]["chinese"] == "worse"


def test_models_beside_the_line_are_compared_and_not_judged(
    base: ModelFolder, make_model: Callable[..., ModelFolder], documents: list[Document], files: Path, tmp_path: Path
) -> None:
    instruct = make_model("instruct", seed=6).folder
    template = "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}答："
    (instruct / "chat_template.jinja").write_text(template, encoding="utf-8")
    beside = [{"name": "instruct", "model": str(instruct), "chat_template": True, "system_prompt": "用中文回答。"}]
    out = tmp_path / "out"
    out.mkdir()
    adapted = make_model("adapted", seed=5)
    config = make_config(files, reference_models=beside, gates={"max_harmful_rate": 1.0})
    evaluate_models(config, [base, adapted], documents, out, services=SKILLS)
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert (scores["models"], scores["line"]) == (["base", "adapted", "instruct"], ["base", "adapted"])
    assert scores["verdict"]["judged"] == "adapted"
    assert scores["gates"][0]["value"] == scores["safety"]["adapted"]["harmful_rate"]
    assert {name: one["prompt_format"] for name, one in scores["safety"].items()} == {
        "base": "raw",
        "adapted": "raw",
        "instruct": "chat",
    }
    asked = {name: sample_rows(out / "samples" / name / "mini.jsonl.zst")[0]["prompt"] for name in scores["models"]}
    assert asked["instruct"].startswith(f"{BOS}[system]用中文回答。") and asked["instruct"].endswith("答：")
    assert asked["base"] == asked["adapted"] and "[system]" not in asked["base"]


def test_gates_on_every_measure(inputs: dict[str, Artifact], files: Path, tmp_path: Path) -> None:
    limits = {
        "min_gain": -9.0,
        "max_english_loss": -1.0,
        "min_accuracy_gain": 1.1,
        "max_harmful_rate": 0.0,
        "max_not_chinese_rate": 1.0,
        "max_harmful_increase": 1.0,
    }
    evaluate(
        make_config(files, gates=limits), inputs, tmp_path, services=Services(harm=WordList(any=""), masker=Digits())
    )
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert {g["name"]: g["met"] for g in scores["gates"]} == {
        "min_gain": True,
        "max_english_loss": False,
        "min_accuracy_gain": False,
        "max_harmful_rate": False,
        "max_not_chinese_rate": True,
        "max_harmful_increase": True,
    }
    values = {g["name"]: g["value"] for g in scores["gates"]}
    bits = {m: scores["language_modeling"][m]["zh"]["bits_per_character"] for m in scores["models"]}
    assert values["min_gain"] == pytest.approx(1 - bits["adapted"] / bits["resized"])
    assert values["max_harmful_rate"] == 1.0


def test_two_checkpoints_at_one_path_in_turn_are_never_mixed(
    make_model: Callable[..., ModelFolder], documents: list[Document], files: Path, tmp_path: Path
) -> None:
    config, place, found = make_config(files, safety=None, behavior=None), tmp_path / "model", []
    for seed in (7, 8, 7):
        folder = make_model(f"seed{seed}", seed=seed).folder
        place.mkdir(exist_ok=True)
        for file in folder.iterdir():
            (place / file.name).write_bytes(file.read_bytes())
        evaluate_models(config, [open_model_folder("m", place)], documents, tmp_path, services=Services())
        found.append((tmp_path / "scores.json").read_bytes())
    assert found[0] == found[2] != found[1]
    log = [json.loads(line) for line in (tmp_path / "logs" / "eval.jsonl").read_text().splitlines()]
    assert [row["cached"] for row in log] == [False] * 12 + [True] * 6


RUN = """
import json, sys
from pathlib import Path
from hanhua.artifacts import open_artifact
from hanhua.eval.config import EvalConfig
from hanhua.eval.stage import evaluate
from hanhua.services import Services
from tiny_eval import Digits, WordList
job = json.loads(sys.argv[1])
inputs = {name: open_artifact(Path(path)) for name, path in job["inputs"].items()}
services = Services(harm=WordList(fraud="时间", gambling="老人"), masker=Digits())
evaluate(EvalConfig.model_validate(job["config"]), inputs, Path(job["out"]), services=services)
"""


def test_killed_half_way_it_goes_on_with_the_same_scores(
    inputs: dict[str, Artifact], config: EvalConfig, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    job = {
        "inputs": {name: str(one.path) for name, one in inputs.items()},
        "config": config.model_dump(mode="json"),
        "out": str(killed),
    }
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, "-c", RUN, json.dumps(job)], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while len(list((killed / "work" / "parts").glob("*.json"))) < 2:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "scores.json").exists()
    evaluate(config, inputs, killed, services=SKILLS)
    evaluate(config, inputs, whole, services=SKILLS)
    log = [json.loads(line) for line in (killed / "logs" / "eval.jsonl").read_text().splitlines()]
    assert sum(row["cached"] for row in log) >= 2
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file() and "work" not in path.parts)
    for name in names:
        if name.parts[0] != "logs":
            assert (killed / name).read_bytes() == (whole / name).read_bytes(), name


def broken(folder: Path, like: ModelFolder, *, without: str = "", **config: object) -> Path:
    folder.mkdir(parents=True)
    for file in like.folder.iterdir():
        if file.name != without:
            (folder / file.name).write_bytes(file.read_bytes())
    if config:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps({**data, **config}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("without", "config", "expected"),
    [
        ("tokenizer.json", {}, "no tokenizer.json"),
        ("tokenizer_config.json", {}, "no tokenizer_config.json"),
        ("config.json", {}, "no config.json"),
        ("model.safetensors", {}, "no .safetensors weights"),
        ("", {"vocab_size": 300}, "its tokenizer has 422 ids, its embedding 300 rows"),
    ],
)
def test_broken_model_folders(
    base: ModelFolder, tmp_path: Path, without: str, config: dict[str, object], expected: str
) -> None:
    folder = broken(tmp_path / "broken", base, without=without, **config)
    with pytest.raises(InputError) as caught:
        open_model_folder("broken", folder)
    assert expected in str(caught.value)
    with pytest.raises(InputError, match="is not a folder"):
        open_model_folder("absent", tmp_path / "absent")


def test_broken_and_incomplete_weights_are_not_scored(base: ModelFolder, tmp_path: Path) -> None:
    tensors = load_file(base.folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    partial = broken(tmp_path / "partial", base)
    save_file(tensors, partial / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"1 weights are missing .* first model\.layers\.1\.mlp\.up_proj"):
        load_model(open_model_folder("partial", partial))
    garbage = broken(tmp_path / "garbage", base)
    (garbage / "model.safetensors").write_bytes(b"garbage")
    with pytest.raises(InputError, match="cannot be read"):
        load_model(open_model_folder("garbage", garbage))
    (garbage / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not a readable tokenizer"):
        open_model_folder("garbage", garbage)


def test_what_cannot_work_is_said_before_a_model_is_loaded(
    base: ModelFolder, documents: list[Document], files: Path, tmp_path: Path
) -> None:
    """Every case has a model whose weights are garbage: to read them would be another error."""
    folder = broken(tmp_path / "garbage", base)
    (folder / "model.safetensors").write_bytes(b"garbage")
    models = [open_model_folder("garbage", folder)]
    chinese = [d for d in documents if d.corpus == "zh"]
    two = [base, models[0]]
    leak = {
        "name": "q",
        "path": str(files / "questions.jsonl"),
        "fewshot_path": str(files / "questions.jsonl"),
        "shots": 1,
    }
    absent = {"name": "q", "path": str(files / "absent.jsonl")}
    cases: list[tuple[dict[str, Any], list[ModelFolder], list[Document], Services, str]] = [
        ({}, models, documents, Services(), "needs a harmful-content scorer"),
        ({}, models, [], SKILLS, "no held-out document"),
        ({"benchmarks": [absent]}, models, documents, SKILLS, "no such file"),
        ({"benchmarks": [leak]}, models, documents, SKILLS, "answers must not be in the prompt"),
        ({"gates": {"min_gain": 0.1}}, models, documents, SKILLS, "compare two models"),
        ({"gates": {"max_english_loss": 0.1}}, two, chinese, SKILLS, "no corpus has held-out English documents"),
        ({}, [*models, *models], documents, SKILLS, "share the name garbage"),
        ({}, [], documents, SKILLS, "no model to evaluate"),
    ]
    for changes, given, texts, services, expected in cases:
        with pytest.raises(UsageError, match=expected):
            evaluate_models(make_config(files, **changes), given, texts, tmp_path, services=services)
