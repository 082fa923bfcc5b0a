"""What may stand in one pre-token with a Han character, and what then holds of it.

Theorems 1 to 3 do not need Han to stand alone: they are about text, and pre-tokens, without any. Where the pattern
lets letters or digits share a pre-token with Han (`abc你好` is one for Llama 3), more can be said of most extensions:

**Theorem 4.** When no new token holds a letter or digit that is not Han, every base token that holds one stands in
 any text where it stood, whatever is beside it.
 *Proof.* While a base merge fits, it is done before any new one, so each pre-token is first merged as the base merges
 it; what comes later joins those tokens into new ones, and none of these holds such a letter or digit. A pre-token
 that is a new token as a whole holds none either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from hanhua.bits import token_to_bytes
from hanhua.vocab_extension.proof.han_bytes import HAS_HAN, whole_and_rest
from hanhua.vocab_extension.proof.pair import Pair, unspellable
from hanhua.vocab_extension.tokenizer_json import pretoken_splitter

HAN = "汉"
NEIGHBORS = {
    "a Latin letter": "a",
    "a digit": "7",
    "kana": "か",
    "hangul": "한",
    "a space": " ",
    "an ASCII mark": "(",
    "a Chinese mark": "，",
    "a line break": "\n",
}
"""What is tried beside a Han character, one of each kind."""


@dataclass(frozen=True)
class SharedPretokens:
    """before, after: the kinds that stand in one pre-token with the Han character behind or before them.

    letters_kept: whether theorem 4 holds, since no new token holds a letter or digit of another script.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    letters_kept: bool

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data."""
        return {
            "before_han": list(self.before),
            "after_han": list(self.after),
            "other_letters_and_digits_keep_their_tokens": self.letters_kept,
        }

    def sentence(self) -> str:
        """Return it as people read it."""
        parts = [f"{', '.join(kinds) or 'nothing'} {side}" for side, kinds in self._sides()]
        kept = "keep their tokens in any text" if self.letters_kept else "may become part of new tokens beside Han"
        return f"in one pre-token with Han: {'; '.join(parts)}. Other letters and digits {kept}"

    def _sides(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("before it", self.before), ("behind it", self.after)


def shared_pretokens(pair: Pair) -> SharedPretokens:
    """Try what the base's pre-tokenizer leaves together with Han, and look what the new tokens hold."""
    tokenizer, data = pair.base_tokenizer, pair.base.data
    before = tuple(name for name, text in NEIGHBORS.items() if _is_one(tokenizer, data, text + HAN))
    after = tuple(name for name, text in NEIGHBORS.items() if _is_one(tokenizer, data, HAN + text))
    return SharedPretokens(before, after, not any(_has_other_letters(token) for token in pair.new_tokens))


def _is_one(tokenizer: Tokenizer, data: dict[str, Any], text: str) -> bool:
    # Behind a full stop, so that a text is not at the beginning, where a space is sometimes put in.
    pieces = list(pretoken_splitter(tokenizer, data)(f".\n{text}"))
    return text in pieces


def _has_other_letters(token: str) -> bool:
    if unspellable(token):
        return True
    try:
        text, _ = whole_and_rest(token_to_bytes(token))
    except UnicodeDecodeError:
        return True
    return any(character.isalnum() and not HAS_HAN.match(character) for character in text)
