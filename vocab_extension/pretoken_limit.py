"""What a pre-tokenizer lets merges reach at best: every piece it cuts is at least one token, whatever is learned.

A base that cuts Chinese into single characters, or digits and marks off every run, cannot be helped by new tokens, and
nothing shows that until they have been learned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hanhua.vocab_extension.tokenizer_json import BpeFile, load_tokenizer, pattern_splitter, pretoken_splitter
from hanhua.zh_text.scripts import HAN

TIGHT = 1.5
"""Characters per piece with Chinese below which there is little for new tokens to join: most words have two."""
_HAN = re.compile(f"[{HAN}]")


@dataclass(frozen=True)
class PretokenLimit:
    """Characters and pieces of some texts, of all pieces and of those with a Han character."""

    characters: int
    pieces: int
    han_characters: int
    han_pieces: int

    @property
    def characters_per_token(self) -> float:
        """What no merges get the texts above; 0 without text."""
        return self.characters / max(self.pieces, 1)

    @property
    def han_characters_per_token(self) -> float:
        """What no merges get the pieces with Chinese above; 0 without any."""
        return self.han_characters / max(self.han_pieces, 1)

    def words(self) -> str:
        """Return it as a sentence."""
        said = (
            f"the base's pre-tokenizer cuts {self.characters:,} characters into {self.pieces:,} pieces: no merges get "
            f"above {self.characters_per_token:.2f} characters per token"
        )
        if not self.han_pieces:
            return said
        said += f", {self.han_characters_per_token:.2f} in pieces with Chinese"
        tight = self.han_characters_per_token < TIGHT
        return f"{said}. That is little: new tokens of this base have next to nothing to join" if tight else said


def pretoken_limit(base: BpeFile, texts: Iterable[str]) -> PretokenLimit:
    """Count the pieces that the base's pre-tokenizer cuts the texts into."""
    split = pattern_splitter(base.data) or pretoken_splitter(load_tokenizer(base.data), base.data)
    characters = pieces = han_characters = han_pieces = 0
    for text in texts:
        for piece in split(text):
            characters += len(piece)
            pieces += 1
            if _HAN.search(piece):
                han_characters += len(piece)
                han_pieces += 1
    return PretokenLimit(characters, pieces, han_characters, han_pieces)


def beginning(texts: Iterable[str], *, characters: int = 200_000) -> Iterator[str]:
    """Yield about so many characters: enough to see how a base cuts, before anything is learned."""
    for text in texts:
        if characters <= 0:
            return
        yield text[:characters]
        characters -= len(text)
