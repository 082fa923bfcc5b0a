"""A byte-level BPE `tokenizer.json` as data: its vocabulary, merges and special tokens, and models built of it.

Editing goes through the JSON and never through `tokenizers`' own setters: those re-number special tokens
from the size of the vocabulary, so that `<|begin_of_text|>` moves when tokens are added before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import orjson
import regex
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from hanhua.artifacts.files import read_json
from hanhua.base_tokenizer import LLAMA3_PATTERN
from hanhua.bits import token_to_bytes
from hanhua.errors import InputError
from hanhua.progress import say

TOKENIZER_JSON = "tokenizer.json"
BYTES_OF_HAN = (*range(0x80, 0xC0), *range(0xE3, 0xEA), 0xEF, 0xF0)
"""The bytes that Han characters are spelled with: those inside characters, and what the assigned ones begin with."""
SAVED_LIMITS = ("truncation", "padding")
"""Sections that saving a tokenizer may add: they cut or fill each text when the file is loaded."""
Merge = tuple[str, str]
_EXTENDABLE = "byte-level BPE (as Llama 3 and 4, Qwen, DeepSeek and Tekken have)"


@dataclass(frozen=True)
class BpeFile:
    """A parsed `tokenizer.json`; `place` names it in messages."""

    place: Path
    data: dict[str, Any]

    @property
    def vocab(self) -> dict[str, int]:
        """Entries of the model, spelled in the byte-level alphabet; special tokens may be among them."""
        vocab: dict[str, int] = self.data["model"]["vocab"]
        return vocab

    @cached_property
    def merges(self) -> list[Merge]:
        """Merges in order of rank, whether the file writes them as `"a b"` or as `["a", "b"]`."""
        return [_merge(item) for item in self.data["model"]["merges"]]

    @property
    def added(self) -> list[dict[str, Any]]:
        """The added (special) tokens, as the file has them."""
        added: list[dict[str, Any]] = self.data.get("added_tokens") or []
        return added

    @cached_property
    def bytes_of(self) -> dict[int, bytes]:
        """Bytes of every ordinary token by id; special tokens have none."""
        special = {token["content"] for token in self.added}
        return {id_: token_to_bytes(token) for token, id_ in self.vocab.items() if token not in special}

    @cached_property
    def size(self) -> int:
        """The number of ids, special tokens included: one more than the greatest id."""
        return max(max(self.vocab.values()), max((token["id"] for token in self.added), default=-1)) + 1

    def model(self, *, ignore_merges: bool) -> models.BPE:
        """Return the model alone: no normalizer, no pre-tokenizer, no special tokens."""
        return models.BPE(vocab=self.vocab, merges=self.merges, ignore_merges=ignore_merges)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The file as `tokenizers` loads it, encoding texts whole: loaded once, which takes a second; do not change it.

        Raises what `tokenizers` raises on a file it cannot load.
        """
        return load_tokenizer(self.data)

    def pretoken_encoder(self) -> Tokenizer:
        """Return a tokenizer that takes each text as one pre-token and encodes it as this file does."""
        return whole_pretokens(self.tokenizer.model)  # the same model, not a copy

    def by_merges_alone(self, spelled: Sequence[str]) -> list[list[int]]:
        """Return the ids of texts spelled in the byte-level alphabet when they are merged, nothing else.

        As `merges_only_encoder` gives them, by the model that is loaded already. What it remembers of texts are their
        merges, never what `ignore_merges` looked up, so that it encodes afterwards as before.
        """
        model = self.tokenizer.model
        looks_up = model.ignore_merges
        model.ignore_merges = False
        try:
            return [found.ids for found in Tokenizer(model).encode_batch_fast(list(spelled), add_special_tokens=False)]
        finally:
            model.ignore_merges = looks_up

    def merges_only_encoder(self) -> Tokenizer:
        """Return a tokenizer that takes a text spelled in the byte-level alphabet and merges it, nothing else."""
        return Tokenizer(self.model(ignore_merges=False))


def whole_pretokens(model: models.BPE) -> Tokenizer:
    """Return a tokenizer that takes each text as one pre-token, spells it in bytes and encodes it with a model."""
    tokenizer = Tokenizer(model)
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    # A cut that never cuts: with it `fastokens` takes a path that is three times as fast.
    never = pre_tokenizers.Split(Regex(r"[\s\S]+"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([never, spell])
    return tokenizer


def read_tokenizer_json(folder: Path) -> BpeFile:
    """Read the `tokenizer.json` of a folder; InputError when it holds no BPE model.

    Whether it is byte-level is left open: `verify` names what is wrong with anybody's file.
    """
    place = folder / TOKENIZER_JSON
    data = _read_fast(place)
    model = data.get("model") if isinstance(data, dict) else None
    if not isinstance(model, dict) or model.get("type") != "BPE":
        kind = model.get("type") if isinstance(model, dict) else None
        raise InputError(f"{place}: a {kind or 'nameless'} model, where {_EXTENDABLE} was expected")
    if not isinstance(model.get("vocab"), dict) or not isinstance(model.get("merges"), list):
        raise InputError(f"{place}: a BPE model without vocab or merges")
    return BpeFile(place, data)


def _read_fast(place: Path) -> Any:
    """Read JSON, three times as fast as `read_json` does, which names what is wrong and takes lone surrogates."""
    try:
        return orjson.loads(place.read_bytes())
    except (OSError, ValueError):
        return read_json(place)


def spelled_json(data: dict[str, Any]) -> str:
    """Return a `tokenizer.json`'s data as its text, without a space or line break between the parts."""
    try:
        return orjson.dumps(data).decode()
    except TypeError:  # a lone surrogate, which `tokenizers` will refuse
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def read_bpe_file(folder: Path) -> BpeFile:
    """Read the `tokenizer.json` of a folder; once, as long as the file is the same, since parsing takes half a second.

    Raises InputError when it is not byte-level BPE, or has no token for one of `BYTES_OF_HAN`. Other bytes may be
    missing: `tokenizers` leaves those out of a text.
    """
    try:
        now = (folder / TOKENIZER_JSON).stat()
    except OSError:
        return _checked(read_tokenizer_json(folder))
    return _read_once(folder, (now.st_ino, now.st_size, now.st_mtime_ns))


@lru_cache(maxsize=1)
def _read_once(folder: Path, _: tuple[int, int, int]) -> BpeFile:
    return _checked(read_tokenizer_json(folder))


def _checked(file: BpeFile) -> BpeFile:
    place, model = file.place, file.data["model"]
    if model.get("byte_fallback"):
        raise InputError(f"{place}: SentencePiece's BPE (byte_fallback), where {_EXTENDABLE} was expected")
    unknown = [k for k in ("dropout", "continuing_subword_prefix", "end_of_word_suffix") if model.get(k)]
    if unknown:
        raise InputError(f"{place}: uses {', '.join(unknown)}; only plain byte-level BPE can be extended")
    try:
        found = set(file.bytes_of.values())
    except KeyError as error:
        whose = "SentencePiece's BPE" if "▁" in error.args else "not byte-level BPE"
        raise InputError(
            f"{place}: {whose} (the character {error} is not of its alphabet), where {_EXTENDABLE} was expected"
        ) from None
    missing = [byte for byte in BYTES_OF_HAN if bytes([byte]) not in found]
    if missing:
        raise InputError(
            f"{place}: cannot spell Chinese in bytes (no token for the byte 0x{missing[0]:02X} and "
            f"{len(missing) - 1} more); byte-level BPE has them"
        )
    return file


def load_tokenizer(data: dict[str, Any]) -> Tokenizer:
    """Return the tokenizer of a parsed `tokenizer.json`, encoding texts whole.

    Truncation and padding that somebody's training saved in the file are left out: they would cut a text short, or
    count tokens that stand for nothing.
    """
    return Tokenizer.from_str(spelled_json(whole_text_data(data)))


def whole_text_data(data: dict[str, Any]) -> dict[str, Any]:
    """Return a parsed `tokenizer.json` without truncation and padding."""
    return {**data, **dict.fromkeys(SAVED_LIMITS)}


def saved_limits(data: dict[str, Any]) -> list[str]:
    """Return what truncation and padding a parsed `tokenizer.json` was saved with, in words; none for most.

    >>> saved_limits({"truncation": {"max_length": 16}, "padding": None})
    ['truncation: every text is cut to 16 tokens']
    """
    found = []
    if truncation := data.get("truncation"):
        found.append(f"truncation: every text is cut to {truncation.get('max_length')} tokens")
    if padding := data.get("padding"):
        strategy = padding.get("strategy")
        fixed = strategy.get("Fixed") if isinstance(strategy, dict) else None
        length = f"{fixed} tokens" if fixed else "the longest of its batch"
        found.append(f"padding: every text is filled up to {length} with {padding.get('pad_token')!r}")
    return found


def say_limits(folder: Path) -> None:
    """Tell of truncation and padding that a folder's tokenizer was saved with: nothing here goes by them, others do."""
    try:
        data = read_bpe_file(folder).data  # which is wanted next, and kept
    except InputError:
        data = read_json(folder / TOKENIZER_JSON)
    for limit in saved_limits(data) if isinstance(data, dict) else ():
        say(f"{folder / TOKENIZER_JSON}: saved with {limit}; left out here. vocab-extension repair removes it")


def pretoken_splitter(tokenizer: Tokenizer, data: dict[str, Any]) -> Callable[[str], Iterator[str]]:
    """Return a function that cuts a text into the pre-tokens this tokenizer sees, as plain text.

    Llama 3 cuts with one regular expression and then spells the pieces in bytes; the second step moves no
    boundary and takes twice the time, so it is left out where the file says it only spells.
    """
    if (by_pattern := pattern_splitter(data)) is not None:
        return lambda text: iter(by_pattern(text))
    steps = _steps(data)
    cutter = tokenizer.pre_tokenizer
    normalizer = tokenizer.normalizer
    if len(steps) == 2 and _only_spells(steps[1]) and steps[0]["type"] == "Split":
        cutter = cutter[0]

    def split(text: str) -> Iterator[str]:
        if normalizer is not None:
            text = normalizer.normalize_str(text)
        return (text[begin:end] for _, (begin, end) in cutter.pre_tokenize_str(text))

    return split


def pattern_splitter(data: dict[str, Any]) -> Callable[[str], list[str]] | None:
    """Return a function that cuts a text as a file with Llama 3's pattern does; None for any other file.

    The pattern's alternatives leave no character out, so the matches are the pieces; seven times as fast.
    """
    steps = _steps(data)
    if len(steps) != 2 or not _only_spells(steps[1]) or data.get("normalizer") is not None:
        return None
    found: Callable[[str], list[str]] = regex.compile(LLAMA3_PATTERN).findall
    return found if steps[0]["type"] == "Split" and _isolates_by_llama3_pattern(steps[0]) else None


def _steps(data: dict[str, Any]) -> list[dict[str, Any]]:
    return list((data.get("pre_tokenizer") or {}).get("pretokenizers", []))


def encode_all(tokenizer: Tokenizer, texts: Iterable[str], *, batch: int = 20_000) -> Iterator[list[int]]:
    """Yield the ids of each text, without special tokens, encoding in batches on all cores."""
    pending: list[str] = []
    for text in texts:
        pending.append(text)
        if len(pending) == batch:
            yield from (e.ids for e in tokenizer.encode_batch_fast(pending, add_special_tokens=False))
            pending = []
    yield from (e.ids for e in tokenizer.encode_batch_fast(pending, add_special_tokens=False))


def _isolates_by_llama3_pattern(step: dict[str, Any]) -> bool:
    return (step.get("pattern"), step.get("behavior"), step.get("invert")) == (
        {"Regex": LLAMA3_PATTERN},
        "Isolated",
        False,
    )


def _only_spells(step: dict[str, Any]) -> bool:
    return step["type"] == "ByteLevel" and not step.get("use_regex") and not step.get("add_prefix_space")


def _merge(item: str | list[str]) -> Merge:
    left, right = item.split(" ") if isinstance(item, str) else item
    return left, right
