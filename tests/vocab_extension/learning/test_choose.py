import json

from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.learning.choose import base_pieces, merge_pieces, reachable
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all

WORDS = st.lists(st.text("abc", min_size=2, max_size=4), unique=True, max_size=12)


def pieces_of(words: list[str]) -> dict[bytes, list[bytes]]:
    return {word.encode(): [bytes([byte]) for byte in word.encode()] for word in words}


@given(WORDS, st.text("abc", max_size=12))
def test_merging_is_what_tokenizers_does(words: list[str], text: str) -> None:
    kept = reachable([w.encode() for w in words], pieces_of(words))
    tokens = [reached.token.decode() for reached in kept]
    vocab = {token: i for i, token in enumerate(["a", "b", "c", *tokens])}
    merges = [(t[:at], t[at:]) for t in tokens for at in range(1, len(t)) if t[:at] in vocab and t[at:] in vocab]
    theirs = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    ranks = {reached.token: rank for rank, reached in enumerate(kept)}
    mine = merge_pieces([bytes([b]) for b in text.encode()], ranks)
    assert [piece.decode() for piece in mine] == theirs.encode(text).tokens


@given(WORDS)
def test_every_kept_token_is_reached_after_all_are_in(words: list[str]) -> None:
    kept = reachable([w.encode() for w in words], pieces_of(words))
    ranks = {reached.token: rank for rank, reached in enumerate(kept)}
    for reached in kept:
        assert merge_pieces([bytes([b]) for b in reached.token], ranks) == [reached.token]
        assert reached.left + reached.right == reached.token


def test_a_dropped_half_is_replaced_by_another_way() -> None:
    pieces = pieces_of(["ab", "bc", "abc"])
    with_half = reachable([b"ab", b"abc"], pieces)
    other_half = reachable([b"bc", b"abc"], pieces)
    neither = reachable([b"abc"], pieces)
    assert [r[1:] for r in with_half if r.token == b"abc"] == [(b"ab", b"c")]
    assert [r[1:] for r in other_half if r.token == b"abc"] == [(b"a", b"bc")]
    assert neither == []


def test_pieces_are_the_merges_of_the_base_on_bytes(base_file: BpeFile) -> None:
    tokens = ["汉化".encode(), "，我们".encode(), b"\xe4\xb8", b"ing"]
    found = base_pieces(base_file, tokens)
    known = set(base_file.bytes_of.values())
    for token in tokens:
        assert b"".join(found[token]) == token
        assert set(found[token]) <= known


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text("中国人民的大", min_size=2, max_size=4), unique=True, min_size=1, max_size=15))
def test_any_words_extend_a_real_tokenizer(base_file: BpeFile, words: list[str]) -> None:
    candidates = [w.encode() for w in words if w.encode() not in set(base_file.bytes_of.values())]
    kept = reachable(candidates, base_pieces(base_file, candidates))
    new = extended(base_file, [reached.token for reached in kept])
    encoder = Tokenizer(new.model(ignore_merges=False))
    names = {i: t for t, i in new.vocab.items()}
    spelled = [names[base_file.size + n] for n in range(len(kept))]
    assert list(encode_all(encoder, spelled)) == [[base_file.size + n] for n in range(len(kept))]
    assert json.loads(json.dumps(new.data))["model"]["merges"][: len(base_file.merges)] == [
        list(merge) for merge in base_file.merges
    ]
