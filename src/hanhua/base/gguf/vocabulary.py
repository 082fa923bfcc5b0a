"""The vocabulary in a GGUF file's metadata: byte-level BPE as llama.cpp understands it (`src/llama-vocab.cpp`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.base.gguf.header import GgufHeader
from hanhua.bits import character_of_byte
from hanhua.errors import InputError
from hanhua.llama_cpp_pre_tokenizers import DEFAULT, PreTokenizer, pre_tokenizer_of

BYTE_LEVEL = "gpt2"
_PREFIX = "tokenizer.ggml."
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4
"""Token types of the specification."""
_KINDS_WITHOUT = {"llama": "SentencePiece", "bert": "WordPiece", "t5": "unigram", "rwkv": "RWKV", "no_vocab": "no"}
_ENDS_BY_TEXT = (
    *("<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>", "</s>"),
    *("<|eom_id|>", "<EOT>", "_<EOT>", "<|end_of_text|>", "<end_of_utterance>", "<｜end▁of▁sentence｜>"),
)
"""llama.cpp ends generation at these by their text alone, and takes them for control tokens whatever their type."""


@dataclass(frozen=True)
class GgufVocabulary:
    """tokens: by id. types: the specification's, by id. merges: by rank, in the byte-level alphabet.

    missing: characters of that alphabet without a token. ends: ids that end generation, eos first.
    """

    tokens: list[str]
    types: list[int]
    merges: list[tuple[str, str]]
    pre: str
    pre_tokenizer: PreTokenizer
    bos: int | None
    eos: int
    pad: int | None
    unk: int | None
    ends: tuple[int, ...]
    add_bos: bool
    add_eos: bool
    missing: str
    chat_template: str | None

    def is_special(self, id_: int) -> bool:
        """Whether a token stands outside the merges: control tokens, and those that llama.cpp takes for such."""
        return self.types[id_] in (_CONTROL, _UNKNOWN) or self.tokens[id_] in _ENDS_BY_TEXT

    def is_added(self, id_: int) -> bool:
        """Whether a token is found in a text before it is cut: special ones and user-defined ones."""
        return self.is_special(id_) or self.types[id_] == _USER_DEFINED


def read_vocabulary(header: GgufHeader) -> GgufVocabulary:
    """Return the vocabulary of a GGUF file.

    Raises InputError when it is no byte-level BPE, its pre-tokenizer is not known here, or it is inconsistent.
    """
    place, values = header.path, header.metadata
    _check_model(place, values)
    pre = str(values.get(_PREFIX + "pre") or DEFAULT)
    try:
        pre_tokenizer = pre_tokenizer_of(pre)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    tokens = _tokens(place, values)
    types = [int(kind) for kind in values.get(_PREFIX + "token_type") or [_NORMAL] * len(tokens)]
    if len(types) != len(tokens):
        raise InputError(f"{place}: {len(tokens):,} tokens and {len(types):,} token types; the file is damaged")
    ids = {
        name: _id(place, values, key, len(tokens))
        for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))
    }
    eos = ids["eos"]
    add_bos = bool(values.get(_PREFIX + "add_bos_token", pre_tokenizer.add_bos))
    if eos is None or (add_bos and ids["bos"] is None):
        name = "eos" if eos is None else "bos"
        raise InputError(f"{place}: the metadata name no {name} token ({_PREFIX}{name}_token_id)")
    known = set(tokens)
    return GgufVocabulary(
        tokens=tokens,
        types=types,
        merges=_merges(place, values, known),
        pre=pre,
        pre_tokenizer=pre_tokenizer,
        bos=ids["bos"],
        eos=eos,
        pad=ids["pad"],
        unk=ids["unk"],
        ends=_ends(place, values, tokens, eos),
        add_bos=add_bos,
        add_eos=bool(values.get(_PREFIX + "add_eos_token", False)),
        missing="".join(character for character in character_of_byte().values() if character not in known),
        chat_template=values.get("tokenizer.chat_template") or None,
    )


def _check_model(place: Path, values: dict[str, Any]) -> None:
    model = values.get(_PREFIX + "model")
    if model is None:
        raise InputError(f"{place}: holds no tokenizer ({_PREFIX}model); take a file with its vocabulary")
    if model != BYTE_LEVEL:
        kind = _KINDS_WITHOUT.get(model, "another")
        raise InputError(
            f"{place}: has {kind} vocabulary ({_PREFIX}model is {model}); byte-level BPE ({BYTE_LEVEL}), which Llama 3 "
            "has, can be read"
        )


def _tokens(place: Path, values: dict[str, Any]) -> list[str]:
    tokens: list[str] = values.get(_PREFIX + "tokens") or []
    if not tokens:
        raise InputError(f"{place}: the vocabulary is empty ({_PREFIX}tokens)")
    named = [token or f"[EMPTY_{id_}]" for id_, token in enumerate(tokens)]  # llama.cpp's name for a token of no text
    first: dict[str, int] = {}
    for id_, token in enumerate(named):
        if first.setdefault(token, id_) != id_:
            raise InputError(f"{place}: the token {token!r} has two ids, {first[token]:,} and {id_:,}")
    return named


def _merges(place: Path, values: dict[str, Any], known: set[str]) -> list[tuple[str, str]]:
    """Return the merges; refuse those of no tokens, which llama.cpp takes apart again and tokenizers cannot hold."""
    lines: list[str] = values.get(_PREFIX + "merges") or []
    if not lines:
        raise InputError(f"{place}: the vocabulary has no merges ({_PREFIX}merges)")
    merges = []
    for rank, line in enumerate(lines):
        left, _, right = line.partition(" ")
        if not {left, right, left + right} <= known:
            raise InputError(f"{place}: merge {rank:,} ({line!r}) is of texts that are no tokens; the file is damaged")
        merges.append((left, right))
    return merges


def _id(place: Path, values: dict[str, Any], name: str, size: int) -> int | None:
    key = f"{_PREFIX}{name}_token_id"
    found = values.get(key)
    if found is not None and not 0 <= int(found) < size:
        raise InputError(f"{place}: {key} is {found}, and the vocabulary has {size:,} tokens")
    return None if found is None else int(found)


def _ends(place: Path, values: dict[str, Any], tokens: list[str], eos: int) -> tuple[int, ...]:
    named = [_id(place, values, name, len(tokens)) for name in ("eot", "eom")]
    ids = {token: id_ for id_, token in enumerate(tokens)}
    by_text = sorted(ids[text] for text in _ENDS_BY_TEXT if text in ids)
    return tuple(dict.fromkeys([eos, *(id_ for id_ in named if id_ is not None), *by_text]))
