"""Token healing: a prompt cut in mid-word goes on as the text would have, whatever its last token was.

With long Chinese tokens a model learns that 运动 is followed by 会 inside one token, 运动会, and so never after the
token 运动. A prompt that ends in 运动 then asks for what the model has not seen. Healing takes back the prompt's last
tokens as far as some longer token begins with them, and lets only tokens pass that spell what was taken back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

from hanhua.bits import byte_of_character
from hanhua.eval.engine.loaded_model import LoadedModel

MAX_REMOVED_TOKENS = 4


class TokenHealing:
    """Prompts with their last tokens taken back, and the processor that makes the model spell those again."""

    def __init__(self, model: LoadedModel, prompts: Sequence[Sequence[int]]) -> None:
        self._vocabulary = ByteVocabulary(model)
        self._tokenizer = model.tokenizer
        self.removed = [self._vocabulary.bytes_to_take_back(ids) for ids in prompts]
        self.prompts = [tuple(ids[: len(ids) - count]) for ids, (count, _) in zip(prompts, self.removed, strict=True)]

    def processor(self, prompt_tokens: int) -> LogitsProcessor:
        """Return the processor for a batch whose prompts, padded, are that many tokens long."""
        return _Spelling(self._vocabulary, [text for _, text in self.removed], prompt_tokens)

    def without_removed(self, number: int, text: str) -> str:
        """Return a continuation without the part that only spells the prompt's end again."""
        again = self.removed[number][1].decode("utf-8", errors="ignore")
        return text.removeprefix(again)


class ByteVocabulary:
    """A model's tokens by their bytes, sorted, so that those with a common beginning are neighbors."""

    def __init__(self, model: LoadedModel) -> None:
        alphabet = byte_of_character()
        special = set(model.tokenizer.all_special_tokens) | set(model.tokenizer.get_added_vocab())
        self.bytes_of = {
            id_: bytes(alphabet[c] for c in token)
            for token, id_ in model.tokenizer.get_vocab().items()
            if token not in special and all(c in alphabet for c in token)
        }
        self._sorted = sorted((data, id_) for id_, data in self.bytes_of.items())

    def beginning_with(self, start: bytes) -> list[int]:
        """Return the tokens whose bytes begin with `start`."""
        place, found = bisect_left(self._sorted, (start, -1)), []
        while place < len(self._sorted) and self._sorted[place][0].startswith(start):
            found.append(self._sorted[place][1])
            place += 1
        return found

    def spelling(self, text: bytes) -> list[int]:
        """Return the tokens a text may go on with: those it begins with, and those that begin with it."""
        inside = [id_ for length in range(1, len(text)) for id_ in self._exactly(text[:length])]
        return inside + self.beginning_with(text)

    def bytes_to_take_back(self, prompt: Sequence[int]) -> tuple[int, bytes]:
        """Return how many last tokens of a prompt some longer token begins with, and their bytes; BOS stays."""
        best, text = (0, b""), b""
        for count in range(1, min(MAX_REMOVED_TOKENS, len(prompt) - 1) + 1):
            piece = self.bytes_of.get(prompt[-count])
            if piece is None:
                break
            text = piece + text
            if any(len(self.bytes_of[id_]) > len(text) for id_ in self.beginning_with(text)):
                best = (count, text)
        return best

    def _exactly(self, data: bytes) -> list[int]:
        place = bisect_left(self._sorted, (data, -1))
        return [self._sorted[place][1]] if place < len(self._sorted) and self._sorted[place][0] == data else []


class _Spelling(LogitsProcessor):  # type: ignore[misc]
    """Lets a row pass only tokens that spell its removed bytes, until they are spelled."""

    def __init__(self, vocabulary: ByteVocabulary, removed: Sequence[bytes], prompt_tokens: int) -> None:
        self._vocabulary, self._removed, self._prompt_tokens = vocabulary, removed, prompt_tokens

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for row, removed in enumerate(self._removed):
            written = input_ids[row, self._prompt_tokens :].tolist()
            left = removed[sum(len(self._vocabulary.bytes_of.get(id_, b"")) for id_ in written) :]
            if left:
                allowed = torch.tensor(self._vocabulary.spelling(left), device=scores.device)
                kept = scores[row, allowed].clone()
                scores[row] = float("-inf")
                scores[row, allowed] = kept
        return scores
