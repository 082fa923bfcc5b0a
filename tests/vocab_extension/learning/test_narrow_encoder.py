from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.encoding import WORTH_BYTES
from hanhua.vocab_extension.learning.narrow_encoder import NarrowEncoder, part_of
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all

STRINGS = st.text(st.sampled_from("中国的人蝴龘，。 「aB7(\n\u00e9\u3042\U00020bb7"), max_size=12)


def test_strings_have_the_ids_that_the_whole_base_gives(base_file: BpeFile) -> None:
    encoders = [NarrowEncoder(base_file), NarrowEncoder(base_file, expected_bytes=WORTH_BYTES)]

    @settings(max_examples=40, deadline=None)
    @given(st.lists(STRINGS, min_size=1, max_size=6))
    def holds(strings: list[str]) -> None:
        expected = list(encode_all(base_file.pretoken_encoder(), strings))
        for encoder in encoders:
            rows = encoder.encode(strings)
            assert [row.tolist() for row in rows] == expected
            assert rows.lengths.tolist() == list(map(len, expected))

    holds()
    assert encoders[1]._narrow.is_fast


def test_the_part_holds_every_token_that_a_narrow_string_can_be(base_file: BpeFile) -> None:
    _, id_V = part_of(base_file)
    fits = {id_ for id_, data in base_file.bytes_of.items() if all(byte >= 0x80 for byte in data[1:])}
    assert set(id_V.tolist()) == fits
    assert len(fits) < len(base_file.bytes_of)
