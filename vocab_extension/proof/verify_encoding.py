"""The proof by trying: round trips, unchanged encodings, and what transformers makes of the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.bits import token_to_bytes
from hanhua.vocab_extension.extend import EXTENSION_JSON, SETTINGS
from hanhua.vocab_extension.proof.auto_tokenizer import Answer, ask
from hanhua.vocab_extension.proof.han_bytes import witness
from hanhua.vocab_extension.proof.pair import Pair, unspellable
from hanhua.vocab_extension.proof.samples import HAN_FREE, HAN_TEXTS, HANJA_TEXT, JAPANESE_TEXT, random_texts
from hanhua.vocab_extension.proof.trials import Findings, Trial, short, try_texts

RANDOM_TEXTS = 2000
LLAMA_CPP_TEXTS = 10_000
_MAX_WITNESSES = 1000
_BOOKKEEPING = {"name_or_path", "backend", "is_local", "transformers_version"}
"""Keys of tokenizer_config.json that transformers writes for itself."""


@dataclass(frozen=True)
class Trials:
    """The built-in texts and the given ones (by name), tried once for all checks."""

    pair: Pair
    texts: Mapping[str, Iterable[str]] = field(default_factory=dict)

    @cached_property
    def done(self) -> tuple[Trial, ...]:
        """One trial a source; raises what `tokenizers` raises on a file it cannot load."""
        sources = {**self.built_in(), **self.texts}
        return tuple(try_texts(self.pair, name, texts) for name, texts in sources.items())

    def built_in(self) -> dict[str, Iterable[str]]:
        """Return the built-in texts by name; among them texts that a wrong product would change."""
        mixed = random_texts(RANDOM_TEXTS, han=True), random_texts(RANDOM_TEXTS, han=False)
        return {
            "built-in samples": chain(HAN_FREE, HAN_TEXTS, _witnesses(self.pair), *mixed),
            "built-in Japanese": [JAPANESE_TEXT],
            "built-in Korean with hanja": [HANJA_TEXT],
        }

    @property
    def without_han_bytes(self) -> int:
        """How much text without Han was compared, in UTF-8."""
        return sum(trial.without_han_bytes for trial in self.done)


def round_trip(pair: Pair, trials: Trials) -> Iterator[str]:
    """Any text comes back byte for byte."""
    yield from _problems(trial.lost for trial in trials.done)


def other_text(pair: Pair, trials: Trials) -> Iterator[str]:
    """Text that takes no new token has the ids it had."""
    yield from _problems(trial.moved for trial in trials.done)


def unchanged(pair: Pair, trials: Trials) -> Iterator[str]:
    """Text without Han has the ids it had."""
    yield from _problems(trial.changed for trial in trials.done)


def settings(pair: Pair, trials: Trials) -> Iterator[str]:
    """Settings and chat templates are the base's, and `extension.json` tells the truth."""
    base, new = pair.base.place.parent, pair.extended.place.parent
    for name in SETTINGS:
        a, b = base / name, new / name
        if a.is_file() != b.is_file():
            yield f"{name}: only in the {'base' if a.is_file() else 'extension'}"
        elif a.is_file() and (keys := _differing(a, b)):
            yield f"{name}: differs from the base's ({', '.join(keys)})"
    if (new / EXTENSION_JSON).is_file():
        said = read_json(new / EXTENSION_JSON)
        for key, value in true_head(pair, said).items():
            if said.get(key) != value:
                yield f"{EXTENSION_JSON}: {key} is {said.get(key)}, and should be {value}"


def true_head(pair: Pair, said: dict[str, Any]) -> dict[str, int]:
    """Return what `extension.json` should say of the new ids.

    An extension of an extension tells of its own tokens alone, and is as true of the first base.
    """
    first, size = pair.base.size, pair.extended.size
    told = said.get("first_new_id")
    if isinstance(told, int) and first < told < size and said.get("new_tokens") == size - told:
        first = told
    number = len(pair.new_tokens) if first == pair.base.size else size - first
    return {"first_new_id": first, "new_tokens": number, "vocab_size": size}


def transformers_parity(pair: Pair, trials: Trials) -> Iterator[str]:
    """`AutoTokenizer` gives the same ids, now and after saving and loading again."""
    texts = [*HAN_FREE, *HAN_TEXTS, *random_texts(200, han=True, seed=1)]
    found = ask(pair.extended.place.parent, texts, [token["content"] for token in pair.base.added])
    yield from _parity("AutoTokenizer", found.first, texts, pair)
    if found.again is not None:
        yield from _parity("AutoTokenizer after save and load", found.again, texts, pair)
    yield from found.changes


def _parity(name: str, auto: Answer, texts: list[str], pair: Pair) -> Iterator[str]:
    direct = pair.extended_tokenizer
    for token, id_ in zip(pair.base.added, auto.special_ids, strict=True):
        if id_ != token["id"]:
            yield f"{name}: {token['content']} has the id {id_}, {token['id']} in the base"
    if auto.vocab is not None and auto.vocab != direct.get_vocab():
        yield f"{name}: another vocabulary than tokenizer.json has"
    expected = [encoding.ids for encoding in direct.encode_batch_fast(texts)]
    backs = direct.decode_batch(auto.ids)
    rows = zip(texts, auto.ids, expected, auto.backs, backs, strict=True)
    for text, ids, direct_ids, back, direct_back in rows:
        if ids != direct_ids:
            yield f"{name}: {short(text)} has other ids than tokenizer.json gives"
        elif back != direct_back:
            yield f"{name}: {short(text)} comes back otherwise than by tokenizer.json"


BEHAVIORAL: tuple[Callable[[Pair, Trials], Iterator[str]], ...] = (
    round_trip,
    other_text,
    unchanged,
    settings,
    transformers_parity,
)


def llama_cpp_parity(pair: Pair, trials: Trials) -> Iterator[str]:
    """llama.cpp gives the same ids from a GGUF file of this tokenizer."""
    from hanhua.vocab_extension.proof.llama_cpp_parity import differences

    # Random Unicode is left out: llama.cpp has other tables of letters than `tokenizers`, so it cuts unassigned
    # and rare characters otherwise, with the base as well.
    texts = chain(HAN_FREE, HAN_TEXTS, [JAPANESE_TEXT, HANJA_TEXT], *trials.texts.values())
    yield from differences(pair.extended.place.parent, islice(texts, LLAMA_CPP_TEXTS))


def _witnesses(pair: Pair) -> Iterator[str]:
    spelled = (token_to_bytes(token) for token in pair.new_tokens if not unspellable(token))
    texts = (text for data in spelled if (text := witness(data)) is not None)
    yield from islice(texts, _MAX_WITNESSES)


def _problems(findings: Iterable[Findings]) -> Iterator[str]:
    for found in findings:
        yield from found.kept
        yield from repeat("another of these texts", found.number - len(found.kept))


def _differing(a: Path, b: Path) -> list[str]:
    """Return the keys of two settings files that differ; the one name `text` when they are not both JSON."""
    if a.read_bytes() == b.read_bytes():
        return []
    if a.suffix != ".json":
        return ["text"]
    one, other = read_json(a), read_json(b)
    return sorted(key for key in {*one, *other} - _BOOKKEEPING if one.get(key) != other.get(key))
