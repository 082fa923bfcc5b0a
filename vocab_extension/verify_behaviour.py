"""The proof by trying: round trips, unchanged encodings, and what transformers makes of the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.vocab_extension.extend import EXTENSION_JSON, SETTINGS
from hanhua.vocab_extension.pair import Pair
from hanhua.vocab_extension.samples import HAN_FREE, random_texts, without_han
from hanhua.vocab_extension.texts import encodable
from hanhua.vocab_extension.tokenizer_json import encode_all

RANDOM_TEXTS = 2000
_BATCH = 2000
HAN_TEXTS = (
    "汉化：让 Llama 3 用更少的词元读中文。",
    "  “你好，世界！”她说——然后离开了……\n第二行\r\n\t缩进的一行",
    "使用Python3.10编写的def函数，返回None；价格￥1,234.50元。",
    "這個軟體的設定檔放在哪裡？香港嘅人講嘢。〇一二三，佐々木。",
    "東京都は日本の首都です。大韓民國 대한민국 漢字",
    "罕見字：𠮷野家、龘、㐀、﨑、\U0003134a",
)

Texts = Mapping[str, Iterable[str]]


def round_trip(pair: Pair, texts: Texts) -> Iterator[str]:
    """Any text comes back byte for byte."""
    tokenizer = pair.extended_tokenizer
    samples = [*HAN_FREE, *HAN_TEXTS, *random_texts(RANDOM_TEXTS, han=True)]
    for place, text in [*(("sample", t) for t in samples), *_lines(texts)]:
        back = tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
        # A base with a normaliser loses something by itself; that is not the extension's doing.
        if back != text and _returns(pair.base_tokenizer, text):
            yield f"{place}: {_short(text)} comes back as {_short(back)}"


def unchanged(pair: Pair, texts: Texts) -> Iterator[str]:
    """Text without Han has the ids it had."""
    samples = [*HAN_FREE, *random_texts(RANDOM_TEXTS, han=False)]
    streams = {"sample": iter(samples), **{place: without_han(iter(lines)) for place, lines in texts.items()}}
    for place, stream in streams.items():
        while batch := [encodable(text) for text in islice(stream, _BATCH)]:
            mine = encode_all(pair.base_tokenizer, batch)
            theirs = encode_all(pair.extended_tokenizer, batch)
            for text, a, b in zip(batch, mine, theirs, strict=True):
                if a != b:
                    yield f"{place}: {_short(text)} was {len(a)} tokens, is {len(b)}: {_first_difference(a, b)}"


def settings(pair: Pair, texts: Texts) -> Iterator[str]:
    """Settings and chat templates are the base's, and `extension.json` tells the truth."""
    base, new = pair.base.place.parent, pair.extended.place.parent
    for name in SETTINGS:
        a, b = base / name, new / name
        if a.is_file() != b.is_file():
            yield f"{name}: only in the {'base' if a.is_file() else 'extension'}"
        elif a.is_file() and a.read_bytes() != b.read_bytes() and not _same_json(a, b):
            yield f"{name}: differs from the base's"
    if (new / EXTENSION_JSON).is_file():
        said = read_json(new / EXTENSION_JSON)
        true = {"first_new_id": pair.base.size, "new_tokens": len(pair.new_tokens), "vocab_size": pair.extended.size}
        for key, value in true.items():
            if said.get(key) != value:
                yield f"{EXTENSION_JSON}: {key} is {said.get(key)}, and should be {value}"


def transformers_parity(pair: Pair, texts: Texts) -> Iterator[str]:
    """`AutoTokenizer` gives the same ids, now and after saving and loading again."""
    from transformers import AutoTokenizer

    first = AutoTokenizer.from_pretrained(pair.extended.place.parent)
    yield from _parity("AutoTokenizer", first, pair)
    with TemporaryDirectory() as folder:
        first.save_pretrained(folder)
        again = AutoTokenizer.from_pretrained(folder)
    yield from _parity("AutoTokenizer after save and load", again, pair)
    if again.special_tokens_map != first.special_tokens_map:
        yield f"special tokens {first.special_tokens_map} become {again.special_tokens_map} by saving"
    if again.chat_template != first.chat_template:
        yield "the chat template changes by saving"


def _parity(name: str, auto: Any, pair: Pair) -> Iterator[str]:
    direct = pair.extended_tokenizer
    for token in pair.base.added:
        if auto.convert_tokens_to_ids(token["content"]) != token["id"]:
            found = auto.convert_tokens_to_ids(token["content"])
            yield f"{name}: {token['content']} has the id {found}, {token['id']} in the base"
    if auto.get_vocab() != direct.get_vocab():
        yield f"{name}: another vocabulary than tokenizer.json has"
    for text in [*HAN_FREE, *HAN_TEXTS, *random_texts(200, han=True, seed=1)]:
        ids = auto(text)["input_ids"]
        if ids != direct.encode(text).ids:
            yield f"{name}: {_short(text)} has other ids than tokenizer.json gives"
        elif auto.decode(ids, skip_special_tokens=True) != direct.decode(ids):
            yield f"{name}: {_short(text)} comes back otherwise than by tokenizer.json"


BEHAVIOURAL: tuple[Callable[[Pair, Texts], Iterator[str]], ...] = (
    round_trip,
    unchanged,
    settings,
    transformers_parity,
)


def _lines(texts: Texts) -> Iterator[tuple[str, str]]:
    for place, lines in texts.items():
        for text in lines:
            yield place, encodable(text)


def _returns(tokenizer: Any, text: str) -> bool:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    return bool(tokenizer.decode(ids, skip_special_tokens=False) == text)


def _same_json(a: Path, b: Path) -> bool:
    return a.suffix == ".json" and read_json(a) == read_json(b)


def _first_difference(a: list[int], b: list[int]) -> str:
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return f"from token {at}, {a[at : at + 4]} → {b[at : at + 4]}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
