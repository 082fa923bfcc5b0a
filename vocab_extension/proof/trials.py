"""Texts encoded by a base and by its extension, once, in bounded memory: what changed, what came back, how fast."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from tokenizers import Tokenizer

from hanhua.progress import Progress
from hanhua.vocab_extension.proof.han_bytes import HAS_HAN
from hanhua.vocab_extension.proof.pair import Pair
from hanhua.vocab_extension.texts import encodable
from hanhua.zh_text.scripts import script_shares

MAX_KEPT = 10
MIN_TIMED_SECONDS = 1.0
"""Below this a ratio of times says nothing. Processor time of all threads, since a busy machine stretches the other."""
_PIECE_CHARACTERS = 1 << 16
_BATCH_CHARACTERS = 1 << 18
_KANA_OR_HANGUL = re.compile("[぀-ヿㇰ-ㇿｦ-ﾝ가-힯ᄀ-ᇿ㄰-㆏]")
_MIN_SHARE = 0.1


@dataclass
class Findings:
    """Problems: the first few in words, and how many there are."""

    kept: list[str] = field(default_factory=list)
    number: int = 0

    def add(self, problem: str) -> None:
        """Count one more."""
        self.number += 1
        if len(self.kept) < MAX_KEPT:
            self.kept.append(problem)


@dataclass
class Count:
    """The same text in base tokens and in extended ones."""

    bytes: int = 0
    base_tokens: int = 0
    extended_tokens: int = 0

    def add(self, text: str, before: list[int], after: list[int]) -> None:
        """Count one more text."""
        self.bytes += len(text.encode())
        self.base_tokens += len(before)
        self.extended_tokens += len(after)

    @property
    def fewer(self) -> float:
        """The share of tokens saved."""
        return 1 - self.extended_tokens / max(self.base_tokens, 1)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data."""
        return {**vars(self), "fewer_tokens_ratio": round(self.fewer, 4)}


@dataclass
class Trial:
    """What came of one source of texts.

    without_han_bytes: of text without Han, compared id by id. japanese, korean: texts in which kana or hangul
    are a tenth of the letters at least and Han characters stand too: those change, by so much. changed: texts without
    Han that have other ids; moved: texts that have other ids and no new token.
    """

    name: str
    texts: int = 0
    all: Count = field(default_factory=Count)
    without_han_bytes: int = 0
    japanese: Count = field(default_factory=Count)
    korean: Count = field(default_factory=Count)
    base_seconds: float = 0.0
    extended_seconds: float = 0.0
    changed: Findings = field(default_factory=Findings)
    moved: Findings = field(default_factory=Findings)
    lost: Findings = field(default_factory=Findings)

    @property
    def speed_ratio(self) -> float | None:
        """Speed of the extension by that of the base over the same texts; None for too little of them."""
        seconds = min(self.base_seconds, self.extended_seconds)
        return self.base_seconds / self.extended_seconds if seconds >= MIN_TIMED_SECONDS else None

    def as_json(self) -> dict[str, Any]:
        """Return everything but the problems as JSON data."""
        ratio = self.speed_ratio
        return {
            "name": self.name,
            "texts": self.texts,
            **self.all.as_json(),
            "without_han_bytes": self.without_han_bytes,
            "encode_speed_ratio": ratio and round(ratio, 3),
            "japanese": self.japanese.as_json() if self.japanese.bytes else None,
            "korean": self.korean.as_json() if self.korean.bytes else None,
        }


def try_texts(pair: Pair, name: str, texts: Iterable[str]) -> Trial:
    """Encode every text with both tokenizers and decode it again; each is read once and not kept.

    Ids of text without Han must be equal: of whole texts, and of the lines without Han in the others.
    """
    trial = Trial(name)
    with Progress(f"verify: {name}", total=None, unit="characters") as bar:
        for number, batch in enumerate(_batches(_pieces(trial, texts))):
            _try_batch(pair, trial, batch, base_first=number % 2 == 0)
            bar.advance(sum(map(len, batch)), note=f"{trial.without_han_bytes / 1e6:,.1f} MB without Han compared")
    return trial


def _try_batch(pair: Pair, trial: Trial, batch: list[str], *, base_first: bool) -> None:
    ids: dict[bool, list[list[int]]] = {}
    # By turns, so that neither always finds the memory warm.
    for is_base in (base_first, not base_first):
        tokenizer = _tokenizer(pair, is_base)
        began = time.process_time()
        encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        seconds = time.process_time() - began
        ids[is_base] = [encoding.ids for encoding in encodings]
        trial.base_seconds += seconds if is_base else 0.0
        trial.extended_seconds += 0.0 if is_base else seconds
    backs = pair.extended_tokenizer.decode_batch(ids[False], skip_special_tokens=False)
    mixed: list[str] = []
    for text, before, after, back in zip(batch, ids[True], ids[False], backs, strict=True):
        trial.all.add(text, before, after)
        # A base with a normalizer loses something by itself; that is not the extension's doing.
        if back != text and _returns(pair.base_tokenizer, text):
            trial.lost.add(f"{trial.name}: {short(text)} comes back as {short(back)}")
        if before != after and pair.new_ids.isdisjoint(after):
            trial.moved.add(_change(trial, text, before, after))
        if HAS_HAN.search(text):
            mixed.append(text)
            if (count := _other_language(trial, text)) is not None:
                count.add(text, before, after)
        else:
            _compare(trial, text, before, after)
    inner = [lines for text in mixed for lines in _lines_without_han(text)]
    both = (_tokenizer(pair, is_base).encode_batch_fast(inner, add_special_tokens=False) for is_base in (True, False))
    for text, a, b in zip(inner, *both, strict=True):
        _compare(trial, text, a.ids, b.ids)


def _compare(trial: Trial, text: str, before: list[int], after: list[int]) -> None:
    trial.without_han_bytes += len(text.encode())
    if before != after:
        trial.changed.add(_change(trial, text, before, after))


def _change(trial: Trial, text: str, before: list[int], after: list[int]) -> str:
    where = _first_difference(before, after)
    return f"{trial.name}: {short(text)} was {len(before)} tokens, is {len(after)}: {where}"


def _pieces(trial: Trial, texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts, long ones in parts that end with a line where they can."""
    for text in texts:
        trial.texts += 1
        whole = encodable(text)
        begin = 0
        while begin == 0 or begin < len(whole):
            end = begin + _PIECE_CHARACTERS
            if end < len(whole):
                end = whole.rfind("\n", begin, end) + 1 or end
            yield whole[begin:end]
            begin = end


def _batches(pieces: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece) + 1
        if size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _lines_without_han(text: str) -> Iterator[str]:
    """Yield what stands between the lines with Han, neighboring lines together."""
    for has_han, lines in groupby(text.splitlines(keepends=True), lambda line: bool(HAS_HAN.search(line))):
        if not has_han:
            yield "".join(lines)


def _other_language(trial: Trial, text: str) -> Count | None:
    if not _KANA_OR_HANGUL.search(text):
        return None
    shares = script_shares(text)
    if shares.kana >= max(_MIN_SHARE, shares.hangul):
        return trial.japanese
    return trial.korean if shares.hangul >= _MIN_SHARE else None


def _tokenizer(pair: Pair, is_base: bool) -> Tokenizer:
    return pair.base_tokenizer if is_base else pair.extended_tokenizer


def _returns(tokenizer: Tokenizer, text: str) -> bool:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    return bool(tokenizer.decode(ids, skip_special_tokens=False) == text)


def _first_difference(a: list[int], b: list[int]) -> str:
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return f"from token {at}, {a[at : at + 4]} → {b[at : at + 4]}"


def short(text: str) -> str:
    """Return the beginning of a text as a message shows it."""
    return repr(text if len(text) <= 40 else text[:40] + "…")
