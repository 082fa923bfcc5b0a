from hypothesis import given
from hypothesis import strategies as st

from hanhua.vocab_extension.aliasing import Aliases, make_aliases
from hanhua.vocab_extension.shape import TokenShape
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all

HAN_MIX = st.text(st.sampled_from("中国的人不锅碗蝴蝶龘，。 「aBé\u3042\U00020bb7"), min_size=1, max_size=12)


def test_segments_spell_what_the_text_has(base_file: BpeFile) -> None:
    aliases = make_aliases(base_file.bytes_of, TokenShape(4, "all"))
    encoder = base_file.pretoken_encoder()

    @given(HAN_MIX)
    def spelled(text: str) -> None:
        (ids,) = encode_all(encoder, [text])
        (segments,) = aliases.segments([ids])
        at = 0
        for segment in segments:
            data = aliases.spell(segment)
            at = text.encode().index(data, at) + len(data)
            data.decode()  # never part of a character at either end

    spelled()


def test_half_tokens_of_a_character_get_the_lowest_codes(base_file: BpeFile) -> None:
    aliases: Aliases = make_aliases(base_file.bytes_of, TokenShape(4, "none"))
    halves = {character for pair in aliases.halves.values() for character in pair}
    others = {alias for alias in aliases.bytes_of if alias not in halves}
    assert halves, "the small base has no character in two tokens"
    assert max(halves) < min(others)
    for first, second in aliases.halves.values():
        assert first < second
        assert len((aliases.bytes_of[first] + aliases.bytes_of[second]).decode()) >= 1


def test_what_no_token_may_hold_cuts(base_file: BpeFile) -> None:
    aliases = make_aliases(base_file.bytes_of, TokenShape(4, "none"))
    (ids,) = encode_all(base_file.pretoken_encoder(), ["中abc国"])
    for segment in next(aliases.segments([ids])):
        assert aliases.spell(segment).decode() in ("中", "国")
