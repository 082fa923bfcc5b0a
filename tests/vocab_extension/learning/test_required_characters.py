import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from hanhua.errors import InputError
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.learning.choose import base_pieces, reachable
from hanhua.vocab_extension.learning.required_characters import COVERS, characters_of, tokens_required
from hanhua.vocab_extension.tokenizer_json import encode_all, read_bpe_file
from hanhua.zh_text.scripts import is_han, is_han_prefix


@pytest.mark.parametrize(("name", "number"), [("gb2312-1", 3755), ("gb2312", 6763), ("big5-1", 5401), ("hongkong", 20)])
def test_sets_hold_what_their_standards_say(name: str, number: int) -> None:
    characters = characters_of([name])
    assert len(characters) == len(set(characters)) == number
    assert all(map(is_han, characters))


def test_cantonese_is_in_none_of_the_others() -> None:
    assert set("嘅咗喺哋啲嚟") <= set(characters_of(["hongkong"])) - set(characters_of(["gb2312"]))


def test_every_character_becomes_one_token_of_the_real_llama3(llama3: Path) -> None:
    file = read_bpe_file(llama3)
    wanted = tokens_required(file, list(COVERS), room=10_000)
    assert [kept.token for kept in reachable(wanted, base_pieces(file, wanted))] == wanted
    partial = [token for token in wanted if is_han_prefix(token)]
    assert 0 < len(partial) < 40
    tokenizer = Tokenizer.from_str(json.dumps(extended(file, wanted).data))
    characters = characters_of(COVERS)
    assert all(len(ids) == 1 for ids in encode_all(tokenizer, characters))
    # Inside a run too, where what stands before and after might have taken its bytes.
    for text, ids in zip(characters[::50], encode_all(tokenizer, (f"的{c}的" for c in characters[::50])), strict=True):
        assert tokenizer.token_to_id(text) is None or len(ids) <= 3


def test_too_little_room_is_said_beforehand(llama3: Path) -> None:
    with pytest.raises(
        InputError, match=r"required_characters gb2312: [\d,]+ tokens are needed, and only 256 are asked for"
    ):
        tokens_required(read_bpe_file(llama3), ["gb2312"], room=256)
