"""What the theorems promise, tried by hypothesis on extensions of every kind of base in the family."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanhua.bits import bytes_to_token
from hanhua.vocab_extension.extend import extended, write_extended
from hanhua.vocab_extension.learning.learn import Learned
from hanhua.vocab_extension.proof import check_certificate
from hanhua.vocab_extension.proof.han_bytes import HAS_HAN
from hanhua.vocab_extension.proof.pair import Pair, open_pair
from hanhua.vocab_extension.proof.verify import failure_lines, verify_extension
from hanhua.vocab_extension.tokenizer_json import pretoken_splitter, read_bpe_file

Data = dict[str, Any]
NAMED = {"<|reserved_special_token_2|>": "<|eom_id|>", "<|reserved_special_token_4|>": "<|python_tag|>"}
NAMED |= {"<|reserved_special_token_0|>": "<|finetune_right_pad_id|>"}


def as_it_is(data: Data) -> None:
    pass


def merges_as_text(data: Data) -> None:
    data["model"]["merges"] = [" ".join(merge) for merge in data["model"]["merges"]]


def without_ignore_merges(data: Data) -> None:
    del data["model"]["ignore_merges"]


def llama_3_1(data: Data) -> None:
    """Named special tokens, as 3.1 and 3.2 have them."""
    for token in data["added_tokens"]:
        token["content"] = NAMED.get(token["content"], token["content"])


def special_tokens_listed(data: Data) -> None:
    data["model"]["vocab"] |= {token["content"]: token["id"] for token in data["added_tokens"]}


VARIANTS: tuple[Callable[[Data], None], ...] = (
    as_it_is,
    merges_as_text,
    without_ignore_merges,
    llama_3_1,
    special_tokens_listed,
)
PARTS = ("蝴蝶".encode()[:2], "，".encode() + "蝴".encode()[:2], "的".encode() + b"\xe9", "𠮷".encode()[:3])
"""New tokens that end inside a character: which only Han characters can go on from."""


def write_variant(base: Path, change: Callable[[Data], None], out: Path) -> Path:
    copytree(base, out)
    data = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    change(data)
    (out / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    return out


def with_parts(variant: Path, extension: Path) -> None:
    """Give an extension some new tokens more that are parts of Han characters."""
    file = read_bpe_file(variant)
    learned = read_bpe_file(extension)
    known = set(file.bytes_of.values())
    first = [data for id_, data in sorted(learned.bytes_of.items()) if id_ >= file.size]
    parts: list[bytes] = []
    for part in PARTS:
        # Each on the way to the next, so that merges reach it.
        for end in range(2, len(part) + 1):
            if check_certificate.fault(bytes_to_token(part[:end])) is None and part[:end] not in known:
                parts.append(part[:end])
    tokens = list(dict.fromkeys([*first, *parts]))
    data = extended(file, tokens).data
    (extension / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    (extension / "extension.json").unlink()


@pytest.fixture(scope="module")
def pairs(base: Path, learned: Learned, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    found = {}
    for change in VARIANTS:
        folder = tmp_path_factory.mktemp(change.__name__)
        variant = write_variant(base, change, folder / "base")
        (folder / "zh").mkdir()
        write_extended(read_bpe_file(variant), learned.tokens, folder / "zh")
        found[change.__name__] = open_pair(variant, folder / "zh")
        with_parts(variant, copytree(folder / "zh", folder / "parts"))
        found[f"{change.__name__}, parts"] = open_pair(variant, folder / "parts")
    return found


@pytest.mark.parametrize("change", VARIANTS)
@pytest.mark.parametrize("parts", ["", ", parts"])
def test_the_extension_of_every_variant_holds(
    pairs: dict[str, Pair], change: Callable[[Data], None], parts: str
) -> None:
    pair = pairs[change.__name__ + parts]
    base, new = pair.base.place.parent, pair.extended.place.parent
    assert failure_lines(verify_extension(new, base=base, structure_only=True)) == []
    assert check_certificate.main([str(base / "tokenizer.json"), str(new / "tokenizer.json")]) == 0
    if parts:
        assert any(check_certificate.fault(token) is None and not _is_text(token) for token in pair.new_tokens)


@pytest.mark.parametrize("change", [llama_3_1, without_ignore_merges])
def test_transformers_agrees_too(pairs: dict[str, Pair], change: Callable[[Data], None]) -> None:
    pair = pairs[f"{change.__name__}, parts"]
    assert failure_lines(verify_extension(pair.extended.place.parent, base=pair.base.place.parent)) == []


def _is_text(token: str) -> bool:
    try:
        bytes(check_certificate.BYTE_OF[character] for character in token).decode()
    except UnicodeDecodeError:
        return False
    return True


CHINESE = ("我们", "，我们", " 用户", "的", "蝴蝶", "，蝴", "蝽", "的鱼", "𠮷野家", "A股", "你好。")
OTHERS = ("ひらがな", "カ", "한국어", "the ", "it's", "3.14", "é", "e\u0301", "Ａ", "😀", "🀀", "䷀", "«", "。")
SPACES = ("\n", "\r\n\r\n", "  ", "\t", "\u200d", "\x00")
PIECES = st.sampled_from((*CHINESE, *OTHERS, *SPACES))
TEXTS = st.lists(st.one_of(PIECES, st.text(st.characters(codec="utf-8"), max_size=4)), max_size=8).map("".join)
WITHOUT_HAN = TEXTS.map(lambda text: HAS_HAN.sub("", text))
TRY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def bounds(pair: Pair, tokens: list[int]) -> set[int]:
    return set(accumulate(len(pair.extended.bytes_of[id_]) for id_ in tokens))


@TRY
@given(text=TEXTS)
def test_any_text_comes_back_byte_for_byte(pairs: dict[str, Pair], text: str) -> None:
    for pair in pairs.values():
        tokens = ids(pair.extended_tokenizer, text)
        assert b"".join(pair.extended.bytes_of[id_] for id_ in tokens) == text.encode()
        assert pair.extended_tokenizer.decode(tokens, skip_special_tokens=False) == text


@TRY
@given(text=WITHOUT_HAN)
def test_text_without_han_has_the_ids_it_had(pairs: dict[str, Pair], text: str) -> None:
    for pair in pairs.values():
        assert ids(pair.extended_tokenizer, text) == ids(pair.base_tokenizer, text)


@TRY
@given(text=TEXTS)
def test_a_text_is_the_sum_of_its_pretokens_and_those_without_han_are_as_they_were(
    pairs: dict[str, Pair], text: str
) -> None:
    for pair in pairs.values():
        alone, before = pair.extended.pretoken_encoder(), pair.base.pretoken_encoder()
        split = pretoken_splitter(pair.extended_tokenizer, pair.extended.data)
        pieces = list(split(text))
        assert "".join(pieces) == text
        assert [id_ for piece in pieces for id_ in ids(alone, piece)] == ids(pair.extended_tokenizer, text)
        for piece in pieces:
            if not HAS_HAN.search(piece):
                assert ids(alone, piece) == ids(before, piece)


@TRY
@given(text=TEXTS)
def test_new_tokens_stand_where_whole_base_tokens_stood(pairs: dict[str, Pair], text: str) -> None:
    """So no text takes more tokens than before."""
    for pair in pairs.values():
        after, before = ids(pair.extended_tokenizer, text), ids(pair.base_tokenizer, text)
        assert bounds(pair, after) <= bounds(pair, before)
        assert len(after) <= len(before)


@TRY
@given(data=st.data())
def test_ids_of_the_base_mean_what_they_meant(pairs: dict[str, Pair], data: st.DataObject) -> None:
    for pair in pairs.values():
        chosen = data.draw(st.lists(st.integers(0, pair.base.size - 1), max_size=6))
        for skip in (False, True):
            now = pair.extended_tokenizer.decode(chosen, skip_special_tokens=skip)
            assert now == pair.base_tokenizer.decode(chosen, skip_special_tokens=skip)


@TRY
@given(text=TEXTS, other=TEXTS)
def test_texts_joined_at_a_line_are_encoded_apart(pairs: dict[str, Pair], text: str, other: str) -> None:
    """A line end followed by a letter is always cut, so neither side changes the other."""
    for pair in pairs.values():
        joined = ids(pair.extended_tokenizer, f"{text}x\n我{other}")
        assert joined == ids(pair.extended_tokenizer, f"{text}x\n") + ids(pair.extended_tokenizer, f"我{other}")


def test_special_tokens_in_text_keep_their_ids(pairs: dict[str, Pair]) -> None:
    for pair in pairs.values():
        for token in pair.base.added:
            assert ids(pair.extended_tokenizer, f"我们{token['content']}a")[-2] == token["id"]
