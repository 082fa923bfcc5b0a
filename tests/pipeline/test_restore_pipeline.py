"""From texts to a released chat model, and to GGUF: what makes a chat must come out as it went in."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from program import call

torch = pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")

from instruct_style import CHAT, ENDS, TOOL_CHAT, TOOLS, Version, ids_of, make_instruct, with_names_of  # noqa: E402
from model_family import change, write_family  # noqa: E402
from small_llama import QUICKSTART, quickstart_texts  # noqa: E402
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM  # noqa: E402

from hanhua.pipeline.recipe.load import load_recipe  # noqa: E402
from hanhua.pipeline.runner import run  # noqa: E402
from hanhua.vocab_extension.export.gguf_file import export_gguf  # noqa: E402

RECIPE = f"""\
name: Llama-3-zh-chat
base: {{model: BASE}}
corpora:
  zh: {{path: "{QUICKSTART}/zh_hans_a.jsonl", license: Apache-2.0}}
filtering: {{heldout_ratio: 0.1}}
vocab_extension: {{new_tokens: 256, dictionary_weight: 0}}
continued_pretrain:
  {{max_tokens: 512, sequence_length: 64, micro_batch_size: 2, gradient_accumulation_steps: 1, threads: 1,
   lora: {{rank: 2}}}}
chat_vector: {{instruct: INSTRUCT, repair_special_rows: true, scales: {{layers.0: 0.5}}}}
eval: {{language_modeling: {{context_tokens: 128, max_documents: 2}}, threads: 1}}
release: {{base_family: "FAMILY"}}
"""
ROPES: dict[Version, dict[str, Any]] = {
    "3": {"rope_type": "default", "rope_theta": 500000.0},
    "3.1": {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}


def write_pair(folder: Path, tokenizer: Path, version: Version) -> tuple[Path, Path]:
    """Write a base of one layer with the tokenizer, and an instruct model of it."""
    base = folder / f"Llama-{version}-tiny"
    base.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, base / name)
    with_names_of(base, version)
    bos, end = ids_of(base, ("<|end_of_text|>",))[0] - 1, ids_of(base, ("<|end_of_text|>",))[0]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=bos + 256, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, rope_parameters=ROPES[version], bos_token_id=bos, eos_token_id=end,
        max_position_embeddings=131072 if version == "3.1" else 8192, rms_norm_eps=1e-5,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(base)
    settings = {"bos_token_id": bos, "eos_token_id": end, "do_sample": True}
    (base / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    instruct = Path(shutil.copytree(base, folder / f"Llama-{version}-tiny-Instruct"))
    change(instruct, lambda _, tensor: tensor + torch.randn(tensor.shape) * 0.002)
    return base, make_instruct(instruct, version)


@pytest.mark.parametrize("version", [pytest.param("3", marks=pytest.mark.slow), "3.1"])
@pytest.mark.parametrize("tokenizer", ["base", pytest.param("llama3", marks=pytest.mark.soak)])
def test_what_makes_a_chat_comes_out_as_it_went_in(
    tokenizer: str, version: Version, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base, instruct = write_pair(tmp_path, request.getfixturevalue(tokenizer), version)
    recipe = RECIPE.replace("BASE", str(base)).replace("INSTRUCT", str(instruct)).replace("FAMILY", version)
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    result = run(load_recipe(tmp_path / "recipe.yaml"), runs=tmp_path / "runs")
    release = result.artifacts["release"].path
    scores = json.loads((result.artifacts["eval"].path / "scores.json").read_text(encoding="utf-8"))
    assert scores["models"] == ["base", "resized", "adapted", "restored"]
    assert sorted(result.artifacts["chat_vector"].facts["chat_settings"]["ends"]) == sorted(
        ids_of(instruct, ENDS[version])
    )
    same_chats(instruct, release, tools=version == "3.1")
    same_settings(instruct, release)
    exported = export_gguf(release, tmp_path / "chat.gguf")
    assert exported.modelfile is not None
    in_gguf(tmp_path / "chat.gguf", exported.modelfile, instruct, version)


def same_chats(before: Path, after: Path, *, tools: bool) -> None:
    ours, theirs = (AutoTokenizer.from_pretrained(folder) for folder in (after, before))
    first = min(ours.added_tokens_decoder)
    # What was learned from stands in it too: the real base knows the everyday words of the rest already.
    told = [{"role": "user", "content": text[:200]} for text in quickstart_texts("zh_hans_a.jsonl")[:4]]
    for messages, given in (([*CHAT, *told], None), *([([*TOOL_CHAT, *told], TOOLS)] if tools else [])):
        for prompt in (True, False):
            texts = [
                t.apply_chat_template(messages, tools=given, tokenize=False, add_generation_prompt=prompt)
                for t in (ours, theirs)
            ]
            assert texts[0] == texts[1]
            new, old = (t(texts[0], add_special_tokens=False)["input_ids"] for t in (ours, theirs))
            assert len(new) < len(old), "no new token stood in a Chinese chat"
            assert [i for i in new if first <= i < first + 256] == [i for i in old if i >= first]
            assert ours.decode(new) == theirs.decode(old) == texts[0]


def same_settings(before: Path, after: Path) -> None:
    ours, theirs = (AutoConfig.from_pretrained(folder) for folder in (after, before))
    for key in ("bos_token_id", "eos_token_id", "pad_token_id", "rope_parameters", "max_position_embeddings"):
        assert getattr(ours, key) == getattr(theirs, key), key
    ours, theirs = (GenerationConfig.from_pretrained(folder).to_diff_dict() for folder in (after, before))
    assert ours == theirs
    ours, theirs = (AutoTokenizer.from_pretrained(folder) for folder in (after, before))
    for key in ("bos_token_id", "eos_token_id", "pad_token_id", "chat_template"):
        assert getattr(ours, key) == getattr(theirs, key), key
    first = min(theirs.added_tokens_decoder)
    assert {i: str(t) for i, t in ours.added_tokens_decoder.items()} == {
        i: str(t) for i, t in theirs.added_tokens_decoder.items()
    }
    assert len(ours) > len(theirs) == first + 256


def in_gguf(file: Path, modelfile: Path, instruct: Path, version: Version) -> None:
    reader = gguf.GGUFReader(file)

    def value(key: str) -> Any:
        field = reader.get_field(key)
        return None if field is None else field.contents()

    tokenizer = AutoTokenizer.from_pretrained(instruct)
    assert value("tokenizer.chat_template") == tokenizer.chat_template
    assert value("tokenizer.ggml.bos_token_id") == tokenizer.bos_token_id
    assert value("tokenizer.ggml.eos_token_id") == value("tokenizer.ggml.eot_token_id") == tokenizer.eos_token_id
    assert value("tokenizer.ggml.padding_token_id") == tokenizer.pad_token_id
    stretched = version == "3.1"
    assert value("tokenizer.ggml.eom_token_id") == (ids_of(instruct, ("<|eom_id|>",))[0] if stretched else None)
    assert ("rope_freqs.weight" in [tensor.name for tensor in reader.tensors]) is stretched
    assert value("llama.rope.freq_base") == 500000.0
    text = modelfile.read_text(encoding="utf-8")
    assert all(f'PARAMETER stop "{end}"' in text for end in ENDS[version])
    assert "TEMPLATE" in text


def test_the_command_restores_and_refuses(base: Path, extension: Path, tmp_path: Path) -> None:
    family = write_family(tmp_path, base, extension)
    words = ("restore", "--adapted", family.adapted, "--json")

    def restore(*options: object) -> subprocess.CompletedProcess[str]:
        return call(*words, *options)

    good = ("--base", family.base, "--instruct", family.instruct, "--out", tmp_path / "out")
    done = restore(*good, "--scale", "0.5", "--group", "layers.0=1", "--repair-special-rows")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["chat_settings"]["chat_template"] is True
    assert restore(*good).returncode == 2  # the folder is there
    mistaken = restore(*good[:4], "--out", tmp_path / "other", "--group", "layer.0=1")
    assert (mistaken.returncode, "no group" in mistaken.stderr) == (2, True)


@pytest.mark.slow
def test_the_command_searches_and_says_what_each_scale_costs(base: Path, extension: Path, tmp_path: Path) -> None:
    family = write_family(tmp_path, base, extension)
    texts, prompts = tmp_path / "texts.jsonl", tmp_path / "prompts.jsonl"
    texts.write_text('{"text": "今天天气很好，我们去公园。"}\n', encoding="utf-8")
    prompts.write_text('{"prompt": "你好"}\n', encoding="utf-8")
    words = ["restore", "--adapted", family.adapted, "--base", family.base, "--instruct", family.instruct]
    words += ["--out", tmp_path / "out", "--search", texts, "--prompts", prompts]

    def search(*options: str) -> subprocess.CompletedProcess[str]:
        return call(*words, *options)

    strict = search("--scales", "0.5,1", "--max-loss", "0", "--json")
    tried = json.loads(strict.stdout)["search"]
    assert [row["scale"] for row in tried] == [0, 0.5, 1]
    wanted = 3 if all(row["bits_per_byte"] > tried[0]["bits_per_byte"] for row in tried[1:]) else 0
    assert strict.returncode == wanted, strict.stderr
    assert (tmp_path / "out").exists() is (wanted == 0)
    if wanted == 3:
        again = search("--scales", "0.5,1", "--max-loss", "9")
        assert again.returncode == 0, again.stderr
        assert "λ = " not in again.stderr, "what was tried was tried again"
        assert "bits per byte" in again.stdout
