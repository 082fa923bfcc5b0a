import random
from functools import reduce
from operator import or_

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from hanhua.vocab_extension.count import PretokenTable, add_packed, count_of, documents_of
from hanhua.vocab_extension.tokenizer_json import BpeFile, pretoken_splitter


def table_of(texts: list[str], base_file: BpeFile, *, max_strings: int = 1_000_000) -> PretokenTable:
    tokenizer = Tokenizer.from_file(str(base_file.place))
    split = pretoken_splitter(tokenizer, base_file.data)
    table = PretokenTable(max_strings)
    for text in texts:
        table.add(text, split)
    return table


def test_counts_pretokens_as_the_tokenizer_sees_them(base_file: BpeFile) -> None:
    table = table_of(["我们，我们 用户abc。x1 no Han", "我们。", "plain"], base_file)
    found = {word: (count_of(packed), documents_of(packed).bit_count()) for word, packed in table.items()}
    assert found == {"我们": (2, 2), "，我们": (1, 1), " 用户abc": (1, 1)}
    assert (table.documents, table.duplicates) == (3, 0)


def test_a_copied_document_counts_once(base_file: BpeFile) -> None:
    table = table_of(["中文字幕"] * 10_000, base_file)
    assert [count_of(packed) for _, packed in table.items()] == [1]
    assert table.duplicates == 9_999


def test_order_does_not_matter(base_file: BpeFile, texts: list[str]) -> None:
    shuffled = random.Random(7).sample(texts, len(texts))
    assert list(table_of(texts, base_file).items()) == list(table_of(shuffled, base_file).items())


def test_the_rarest_are_forgotten_beyond_the_bound(base_file: BpeFile, texts: list[str]) -> None:
    whole = {word: count_of(packed) for word, packed in table_of(texts, base_file).items()}
    table = table_of(texts, base_file, max_strings=2000)
    assert len(table) <= 2000 < len(whole)
    assert table.forgotten >= len(whole) - 2000
    most = max(whole, key=lambda word: whole[word])
    assert count_of(dict(table.items())[most]) == whole[most]


def test_the_fast_splitter_cuts_where_the_whole_pre_tokenizer_does(base_file: BpeFile, texts: list[str]) -> None:
    tokenizer = Tokenizer.from_file(str(base_file.place))
    split = pretoken_splitter(tokenizer, base_file.data)
    for text in texts[:20]:
        whole = [text[a:b] for _, (a, b) in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        assert list(split(text)) == whole


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 2**64 - 1)), min_size=1))
def test_packed_counts_add_and_document_sets_unite(found: list[tuple[int, int]]) -> None:
    table: dict[str, int] = {}
    for count, documents in found:
        add_packed(table, "中", count | documents << 48)
    assert count_of(table["中"]) == sum(count for count, _ in found)
    assert documents_of(table["中"]) == reduce(or_, (documents for _, documents in found))
