"""`vocab-extension export`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import AsJson
from hanhua.cli.vocab.options import new_folder

if TYPE_CHECKING:
    from hanhua.vocab_extension.export.gguf_file import Exported


class Format(str, Enum):
    """What to write."""

    gguf = "gguf"
    tiktoken = "tiktoken"


class Dtype(str, Enum):
    """Data type of a model's matrices."""

    f32 = "f32"
    f16 = "f16"
    bf16 = "bf16"
    as_stored = "as-stored"


def export(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder of an extended tokenizer, of a resized Llama model, or of an adapter"
        ),
    ],
    form: Annotated[
        Format, typer.Option("--format", help="gguf, for llama.cpp and Ollama; or tiktoken: a ranks file and a loader")
    ],
    out: Annotated[Path, typer.Option(metavar="PATH", help="New file X.gguf for gguf, new folder for tiktoken")],
    dtype: Annotated[
        Dtype, typer.Option(help="Data type of a model's matrices in gguf; norms are always f32")
    ] = Dtype.as_stored,
    base: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For an adapter: folder of the model it was trained on, for its shape"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export an extended tokenizer, or a model that has one, for llama.cpp, Ollama or tiktoken.

    gguf: a tokenizer's vocabulary, a whole model with X.Modelfile for Ollama, or a plain LoRA adapter. Quantize the
    model's file with llama.cpp's llama-quantize. tiktoken: tokenizer.model, special_tokens.json, load_tokenizer.py.
    """
    facts, lines = _exported(folder, form, out, dtype, base)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(facts)
    else:
        print("\n".join(lines))


def _exported(
    folder: Path, form: Format, out: Path, dtype: Dtype, base: Path | None
) -> tuple[dict[str, Any], list[str]]:
    from hanhua.errors import UsageError
    from hanhua.vocab_extension.export.gguf_adapter import is_adapter

    if form is Format.gguf and is_adapter(folder):
        if base is None:
            raise UsageError(f"{folder}: an adapter; name the folder of the model it was trained on with --base")
        return _adapter(folder, out, dtype, base)
    if base is not None:
        raise UsageError("--base is for --format gguf of an adapter's folder")
    return _gguf(folder, out, dtype) if form is Format.gguf else _tiktoken(folder, out, dtype)


def _adapter(folder: Path, out: Path, dtype: Dtype, base: Path) -> tuple[dict[str, Any], list[str]]:
    from dataclasses import asdict

    from hanhua.vocab_extension.export.gguf_adapter import export_adapter

    done = export_adapter(folder, out, base=base, dtype=dtype.value)
    facts = {**asdict(done), "out": str(done.gguf), "format": "gguf"}
    facts["gguf"] = str(done.gguf)
    size = f"{done.size_bytes / 1e6:,.1f} MB"
    lines = [
        f"{done.gguf}: {done.tensors:,} tensors of rank {done.rank}, strength {done.alpha / done.rank:g}, {size}",
        f"next: llama-cli -m MODEL.gguf --lora {done.gguf}",
    ]
    return facts, lines


def _gguf(folder: Path, out: Path, dtype: Dtype) -> tuple[dict[str, Any], list[str]]:
    from hanhua.vocab_extension.export.gguf_file import export_gguf

    done = export_gguf(folder, out, dtype=dtype.value)
    facts = {
        "out": str(done.gguf),
        "format": "gguf",
        "modelfile": str(done.modelfile) if done.modelfile else None,
        "tokens": done.tokens,
        "merges": done.merges,
        "tensors": done.tensors,
        "size_bytes": done.size_bytes,
        "chat_template": done.chat,
    }
    return facts, _gguf_lines(done)


def _gguf_lines(done: Exported) -> list[str]:
    what = f"{done.tensors:,} tensors" if done.modelfile else "a vocabulary without weights"
    lines = [f"{done.gguf}: {done.tokens:,} tokens, {done.merges:,} merges, {what}, {done.size_bytes / 1e6:,.1f} MB"]
    if done.modelfile:
        said = {
            "llama3": "with Llama 3's chat template",
            "other": "without TEMPLATE: the chat template is not Llama 3's, so Ollama uses the one in the GGUF",
            "none": "without TEMPLATE: the model has no chat template",
        }[done.chat]
        lines += [
            f"{done.modelfile}: {said}",
            f"next: ollama create {done.gguf.stem.lower()} -f {done.modelfile}",
            f'      llama-cli -m {done.gguf} -p "…"',
        ]
    return lines


def _tiktoken(folder: Path, out: Path, dtype: Dtype) -> tuple[dict[str, Any], list[str]]:
    from hanhua.errors import UsageError
    from hanhua.vocab_extension.export.tiktoken_file import LOADER, RANKS, SPECIAL, export_tiktoken

    if dtype is not Dtype.as_stored:
        raise UsageError("--dtype is for --format gguf: a tiktoken file has no weights")
    with new_folder(out) as partial:
        done = export_tiktoken(folder, partial)
    facts = {"out": str(out), "format": "tiktoken", "tokens": done.tokens, "special_tokens": done.special}
    lines = [
        f"{out / RANKS}: {done.tokens:,} tokens with their ids as ranks",
        f"{out / SPECIAL}: {done.special:,} special tokens with their ids, and the pattern",
        f"{out / LOADER}: load() gives the tiktoken.Encoding",
    ]
    return facts, lines
