"""Whether llama.cpp encodes texts as tokenizer.json does, from a GGUF file of the tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenizers import Tokenizer

from hanhua.artifacts.files import read_json
from hanhua.errors import InvariantError, MissingExtra
from hanhua.vocab_extension.export.gguf_file import export_gguf
from hanhua.vocab_extension.export.gguf_vocabulary import check_gguf_installed
from hanhua.vocab_extension.proof.trials import short
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, load_tokenizer

Encode = Callable[[str], list[int]]
_IDS_SHOWN = 4


def differences(folder: Path, texts: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each text that llama.cpp encodes otherwise than the folder's tokenizer.json.

    Special tokens spelled in a text count as special in both. Raises MissingExtra without `llama_cpp` or `gguf`.
    """
    tokenizer = load_tokenizer(read_json(folder / TOKENIZER_JSON))
    with llama_cpp_encoder(folder) as encode:
        yield from compare(encode, tokenizer, texts)


def compare(encode: Encode, tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each text that `encode` gives other ids than `tokenizer`."""
    for text in texts:
        found, expected = encode(text), tokenizer.encode(text, add_special_tokens=False).ids
        if found != expected:
            yield f"{short(text)}: {_first_difference(found, expected)}"


@contextmanager
def llama_cpp_encoder(folder: Path) -> Iterator[Encode]:
    """Give llama.cpp's way to encode a text by the tokenizer of a folder, from a GGUF file made for this.

    Raises InvariantError when llama.cpp refuses the file or finds another number of tokens in it.
    """
    check_gguf_installed()
    check_llama_cpp_installed()
    with TemporaryDirectory() as place:
        gguf = Path(place) / "vocabulary.gguf"
        tokens = export_gguf(folder, gguf, vocabulary_only=True).tokens
        llama = load_vocabulary(gguf)
        try:
            if llama.n_vocab() != tokens:
                raise InvariantError(f"{folder}: llama.cpp has {llama.n_vocab():,} tokens of {tokens:,}")
            yield lambda text: list(llama.tokenize(text.encode(), add_bos=False, special=True))
        finally:
            llama.close()


def check_llama_cpp_installed() -> None:
    """Raise MissingExtra without `llama_cpp`."""
    try:
        import llama_cpp  # noqa: F401
    except ImportError:
        raise MissingExtra("comparing with llama.cpp", "llama-cpp") from None


def load_vocabulary(gguf: Path) -> Any:
    """Return llama.cpp's model of a GGUF file with its vocabulary alone; InvariantError when it refuses the file."""
    from llama_cpp import Llama

    log = gguf.with_suffix(".log")
    try:
        # A file, for llama_cpp wants a descriptor: it warns of a context of no length, which a vocabulary has.
        with log.open("w", encoding="utf-8") as said, redirect_stderr(said):
            return Llama(model_path=str(gguf), vocab_only=True, verbose=False)
    except (ValueError, RuntimeError) as error:
        told = log.read_text(encoding="utf-8").strip()
        raise InvariantError(f"{gguf.name}: llama.cpp does not load this file ({error}). {told}") from error


def _first_difference(found: list[int], expected: list[int]) -> str:
    same = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), None)
    at = min(len(found), len(expected)) if same is None else same
    ours, theirs = expected[at : at + _IDS_SHOWN], found[at : at + _IDS_SHOWN]
    return f"from token {at} on {theirs} in llama.cpp, {ours} in tokenizer.json"
