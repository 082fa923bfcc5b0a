"""Where a base tokenizer comes from: a folder, a Hub id, a GGUF file, or the name of one that a package carries.

`llama3` is Meta's own 128,000-rank file under the Meta Llama 3 Community License, converted to the
`tokenizer.json` that transformers reads; its encodings are then the same as tiktoken's.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from tokenizers import Tokenizer, processors

from hanhua.artifacts.files import sha256_of, write_json
from hanhua.artifacts.fingerprint import fingerprint
from hanhua.errors import InputError
from hanhua.gguf_location import locate_gguf
from hanhua.hub_names import is_hub_id, split_revision
from hanhua.model_scope import WAYS_ON, fetched, is_modelscope
from hanhua.packaged_tokenizers import PACKAGED, write_gguf_tokenizer

LLAMA3 = "llama3"
BOS, EOS = "<|begin_of_text|>", "<|end_of_text|>"
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def llama3_special_tokens() -> list[str]:
    """Return Llama 3's 256 special tokens in id order; the first has the id 128,000."""
    reserved = (f"<|reserved_special_token_{i}|>" for i in range(251))
    named = {0: BOS, 1: EOS, 6: "<|start_header_id|>", 7: "<|end_header_id|>", 9: "<|eot_id|>"}
    return [named[i] if i in named else next(reserved) for i in range(256)]


def resolve_base_tokenizer(base: str) -> Path:
    """Return a folder with `tokenizer.json` for a folder, a Hub id, a name in `PACKAGED`, or a GGUF file's name.

    A GGUF file's is written into the user's cache. Raises InputError when the folder has none, the Hub cannot give one,
    the package that carries it is missing, or the GGUF file's vocabulary cannot be used.
    """
    if base in PACKAGED:
        return _cached(base)
    folder = Path(base)
    if folder.is_dir():
        if not (folder / "tokenizer.json").is_file():
            raise InputError(f"{folder}: no tokenizer.json in this folder{_only_a_model(folder)}")
        return folder
    if is_modelscope(base):
        return _from_modelscope(base)
    file = locate_gguf(base)
    if file is not None:
        return _of_gguf(file)
    if not is_hub_id(base):
        raise InputError(
            f"{base}: no such folder (a base is a folder, a Hub id OWNER/NAME, a *.gguf file, package:NAME, or one of "
            f"{', '.join(PACKAGED)})"
        )
    return _from_hub(base)


def load_base_tokenizer(base: str) -> Tokenizer:
    """Return the base's fast tokenizer."""
    return Tokenizer.from_file(str(resolve_base_tokenizer(base) / "tokenizer.json"))


def write_llama3_tokenizer(folder: Path) -> None:
    """Write the Llama 3 tokenizer as a folder that plain transformers loads."""
    try:
        source = files("llama_models") / "llama3" / "tokenizer.model"
    except ModuleNotFoundError:
        raise InputError("base 'llama3' needs the package that contains it: pip install llama-models") from None
    from transformers.convert_slow_tokenizer import TikTokenConverter

    specials = llama3_special_tokens()
    converter = TikTokenConverter(vocab_file=str(source), pattern=LLAMA3_PATTERN, extra_special_tokens=specials)
    tokenizer = converter.converted()
    byte_level = processors.ByteLevel(trim_offsets=False)
    bos = processors.TemplateProcessing(
        single=f"{BOS} $A",
        pair=f"{BOS} $A {BOS}:1 $B:1",
        special_tokens=[(BOS, tokenizer.token_to_id(BOS))],
    )
    tokenizer.post_processor = processors.Sequence([byte_level, bos])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 8192,
    }
    write_json(folder / "tokenizer_config.json", settings)


def _cached(name: str) -> Path:
    packaged = PACKAGED[name]
    source = packaged.source(name)
    made_by = "-".join((name, *(version(of) for of in (packaged.package, "transformers", "tokenizers")), "1"))
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "hanhua" / made_by
    if not (folder / "tokenizer_config.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(mkdtemp(dir=folder.parent))
        packaged.write(source, aside)
        try:
            aside.rename(folder)
        except OSError:
            # Another process was first; its folder holds the same files.
            if not (folder / "tokenizer_config.json").is_file():
                raise
    return folder


def _of_gguf(file: Path) -> Path:
    """Return the cached folder, which is named by what is in it: the same tokenizer is the same folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hanhua" / "gguf-tokenizers"
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=home) as name:
        aside = Path(name) / "made"
        aside.mkdir()
        write_gguf_tokenizer(file, aside)
        folder = home / fingerprint({path.name: sha256_of(path) for path in aside.iterdir()})[:32]
        if not folder.is_dir():
            try:
                aside.rename(folder)
            except OSError:
                # Another process was first; its folder holds the same files.
                if not folder.is_dir():
                    raise
    return folder


def _only_a_model(folder: Path) -> str:
    if not (folder / "tokenizer.model").is_file():
        return ""
    return ", only a tokenizer.model (SentencePiece, or tiktoken's ranks); load and save it with transformers first"


_WANTED = ["tokenizer*.json", "special_tokens_map.json", "chat_template.jinja", "config.json"]


def _from_modelscope(base: str) -> Path:
    folder = fetched(base, "model", patterns=_WANTED)
    if not (folder / "tokenizer.json").is_file():
        raise InputError(f"{base}: this repository has no tokenizer.json")
    return folder


def _from_hub(base: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        repo, revision = split_revision(base)
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=_WANTED))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"{base}: neither a local folder nor a tokenizer the Hub returned ({error}); {WAYS_ON}"
        ) from error
    if not (folder / "tokenizer.json").is_file():
        raise InputError(f"{base}: this repository has no tokenizer.json")
    return folder
