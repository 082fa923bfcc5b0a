"""A base tokenizer and its extension side by side, each file read and loaded once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from hanhua.bits import byte_of_character, token_to_bytes
from hanhua.vocab_extension.proof.han_bytes import whole_and_rest
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file, read_tokenizer_json


@dataclass(frozen=True)
class Pair:
    """What verify compares."""

    base: BpeFile
    extended: BpeFile

    @cached_property
    def base_tokenizer(self) -> Tokenizer:
        """The base as `tokenizers` loads it."""
        return self.base.tokenizer

    @cached_property
    def extended_tokenizer(self) -> Tokenizer:
        """The extension as `tokenizers` loads it; raises what it raises."""
        return self.extended.tokenizer

    @cached_property
    def new_tokens(self) -> dict[str, int]:
        """Entries of the extended model that the base has neither as a token nor as a special token."""
        known = {*self.base.vocab, *(token["content"] for token in self.base.added)}
        added = {token["content"] for token in self.extended.added}
        return {t: i for t, i in self.extended.vocab.items() if t not in known and t not in added}

    @cached_property
    def new_added(self) -> list[dict[str, Any]]:
        """Added tokens of the extension that the base has not, special ones among them."""
        known = {token["content"] for token in self.base.added}
        return [token for token in self.extended.added if token["content"] not in known]

    @cached_property
    def new_ids(self) -> frozenset[int]:
        """Ids of everything new, of added tokens as well."""
        return frozenset({*self.new_tokens.values(), *(int(token["id"]) for token in self.new_added)})


def open_pair(base: Path, extended: Path) -> Pair:
    """Open two tokenizer folders; InputError when the base is not byte-level BPE, or the other no BPE at all."""
    return Pair(read_bpe_file(base), read_tokenizer_json(extended))


def shown(token: str) -> str:
    """Return a vocabulary entry as people read it: `'你好'`, with the bytes that are no whole character.

    >>> shown("ä½łå¥½"), shown("ä½"), shown("ï¼ĮèĿ")
    ("'你好'", 'E4 BD', "'，' E8 9D")
    """
    if unspellable(token):
        return repr(token)
    data = token_to_bytes(token)
    try:
        text, rest = whole_and_rest(data)
    except UnicodeDecodeError:
        return data.hex(" ").upper()
    return " ".join(([repr(text)] if text or not rest else []) + ([rest.hex(" ").upper()] if rest else []))


def unspellable(token: str) -> bool:
    """Return whether a vocabulary entry has characters that stand for no byte."""
    return not byte_of_character().keys() >= set(token)
