import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.vocab_extension.learning.counts import CountedStrings
from hanhua.vocab_extension.learning.symbols import CUT, Symbols
from hanhua.vocab_extension.learning.token_array import TokenArray, encode_strings
from hanhua.vocab_extension.learning.token_pattern import TokenPattern
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all
from hanhua.zh_text.segmentation import segment

HAN_MIX = st.text(st.sampled_from("中国的人不锅碗蝴蝶龘，。 「aBé\u3042\U00020bb7"), min_size=1, max_size=12)


def counted(strings: list[str]) -> CountedStrings:
    ones = np.ones(len(strings), dtype=np.int64)
    return CountedStrings(pa.array(strings), ones, ones, ones.astype(np.uint64), ones.astype(bool))


def encoded(file: BpeFile, strings: list[str], *, workers: int = 1) -> tuple[TokenArray, Symbols]:
    symbols = Symbols(file.bytes_of, TokenPattern(4, "all"), 1)
    return encode_strings(
        counted(strings), base=file.place.parent, symbol_V=symbols.of_base_V, workers=workers
    ), symbols


def test_cells_are_the_base_tokens_of_each_string(base_file: BpeFile) -> None:
    @settings(max_examples=25, deadline=None)
    @given(st.lists(HAN_MIX, min_size=1, max_size=5))
    def holds(strings: list[str]) -> None:
        cells, symbols = encoded(base_file, strings)
        for number, ids in enumerate(encode_all(base_file.pretoken_encoder(), strings)):
            mine = cells.symbol_T[(cells.string_T == number) & (cells.symbol_T != CUT)]
            theirs = symbols.of_base_V[ids]
            assert mine.tolist() == theirs[theirs != CUT].tolist()
        assert cells.symbol_T[0] == cells.symbol_T[-1] == cells.symbol_T[-2] == CUT

    holds()


def test_words_begin_where_jieba_cuts_and_a_mark_belongs_to_the_first(base_file: BpeFile) -> None:
    strings = ["用户名称管理", "，中华人民共和国万岁", "abc用户", " 互联网", "「系统"]
    cells, symbols = encoded(base_file, strings)
    for number, string in enumerate(strings):
        at_T = np.flatnonzero((cells.string_T == number) & (cells.symbol_T != CUT))
        words = {0}
        for word in segment(string, engine="rjieba", new_words=False):
            words.add(max(words) + len(word.encode()))
        if not string[0].isalnum():
            words.discard(len(string[0].encode()))
        begin = len(string.encode()) - sum(len(symbols.bytes_of[n]) for n in cells.symbol_T[at_T])
        for at in at_T:
            size = len(symbols.bytes_of[cells.symbol_T[at]])
            assert cells.begins_T[at] == (begin in words)
            inside = sum(begin <= word < begin + size for word in words)
            assert cells.words_T[at + 1] - cells.words_T[at] == min(inside, 1) or inside > 1
            begin += size


def test_the_number_of_workers_changes_nothing(base_file: BpeFile, texts: list[str]) -> None:
    one, _ = encoded(base_file, texts[:40])
    two, _ = encoded(base_file, texts[:40], workers=2)
    for name in ("symbol_T", "string_T", "begins_T", "words_T"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
