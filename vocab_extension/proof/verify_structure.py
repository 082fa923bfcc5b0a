"""The proof by structure: what must hold of the two files for "no Han in, no change out" to be a theorem.

A text is a string of Unicode characters. The loader takes the special tokens out of it, normalizes the rest,
cuts it into pre-tokens, and spells each in bytes; then, on each pre-token alone: with `ignore_merges` one that
is a token as a whole is that token; any other is its bytes, and of all pairs of neighbors that a merge joins,
the merge of lowest rank is done first, the leftmost of several, until no merge fits.

A byte that has no token is left out of its pre-token. That makes no Han: never missing is a byte inside characters,
10xxxxxx, or one that Han is spelled with (`alphabet`). So a byte that begins a character and is still there has all of
its character behind it, and the whole characters of a new token, which begins with such a byte, stand in the text.

**Theorem 1.** A pre-token without a Han character has the ids it had. So has a text without one
 (after the base's normalizer, if it has one; Llama 3 has none. NFC, which Qwen has, makes no Han of other characters:
 `shared_pretokens.han_made_by` tries them all. NFKC makes the Han character 一 of the radical ⼀).
 *Proof.* Both cut the text alike (`pipeline`, `special_tokens`, `added_tokens`, `loads`) and have the same tokens and
 merges of the base, at the same ids, those merges first and in the same order (`base_tokens`, `base_merges`).
 A new token, or the product of a new merge, holds bytes that stand only in text with a Han character
 (`new_tokens`, `new_merges`; the lemma is in `han_bytes`). So the pre-token is none of the new tokens as a
 whole; and if both have merged it alike so far, the same merges fit it in both, since the product of a new one
 would stand in its bytes. No pair has two ranks (`new_merges`), so both do the same merge next.

**Theorem 2.** No text takes more tokens than before: every new token stands where whole base tokens stood.
 *Proof.* While a base merge fits, it is done before any new one: up to there the pre-token is merged as
 the base merges it, and each later merge only makes it fewer. A pre-token that is a new token is one.

**Theorem 3.** An id of the base means the bytes it meant (`base_tokens`, `special_tokens`, `ids`: none given twice).

Theorem 4, of letters and digits that share a pre-token with Han, is in `shared_pretokens`.

`reachability` and `one_pretoken` are not needed for this: they say that no row of the model is made for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from hanhua.bits import bytes_to_token, token_to_bytes
from hanhua.vocab_extension.proof.han_bytes import completed, fault_of
from hanhua.vocab_extension.proof.pair import Pair, shown, unspellable
from hanhua.vocab_extension.tokenizer_json import BYTES_OF_HAN, SAVED_LIMITS, pretoken_splitter

_NOT_PIPELINE = {"version", "model", "added_tokens", *SAVED_LIMITS}


def pipeline(pair: Pair) -> Iterator[str]:
    """Normalizer, pre-tokenizer, post-processor, decoder and the model's switches are the base's."""
    base, new = pair.base.data, pair.extended.data
    for part in sorted((base.keys() | new.keys()) - _NOT_PIPELINE):
        if base.get(part) != new.get(part):
            yield f"{part}: {_kind(base.get(part))} in the base, {_kind(new.get(part))} in the extension"
    for switch in sorted((base["model"].keys() | new["model"].keys()) - {"vocab", "merges"}):
        a, b = base["model"].get(switch), new["model"].get(switch)
        # A switch that is off may be written as false, null, an empty text, or not at all.
        if (a or None) != (b or None):
            yield f"model.{switch}: {a!r} in the base, {b!r} in the extension"


def alphabet(pair: Pair) -> Iterator[str]:
    """Every byte that Chinese is spelled with, and every byte inside characters, has a token."""
    known = pair.base.vocab.keys()
    missing = (byte for byte in BYTES_OF_HAN if bytes_to_token(bytes([byte])) not in known)
    yield from (f"the byte 0x{byte:02X} has no token" for byte in missing)


def base_tokens(pair: Pair) -> Iterator[str]:
    """Every base token keeps its id."""
    vocab = pair.extended.vocab
    for token, id_ in pair.base.vocab.items():
        if vocab.get(token) != id_:
            yield f"{shown(token)}: id {id_} in the base, {vocab.get(token, 'missing')} in the extension"


def special_tokens(pair: Pair) -> Iterator[str]:
    """Special tokens keep their ids and their flags, and are listed in the vocabulary too.

    The loader numbers those that are not listed from the size of the vocabulary, which has grown.
    """
    theirs = {token["content"]: token for token in pair.extended.added}
    by_id = Counter(pair.extended.vocab.values())
    for token in pair.base.added:
        content, id_ = token["content"], token["id"]
        found = theirs.get(content)
        if found is None:
            yield f"{content}: special in the base, no special token in the extension"
            continue
        if found["id"] != id_:
            yield f"{content}: id {id_} in the base, {found['id']} in the extension"
        elif found != token:
            yield f"{content}: its flags differ ({token} → {found})"
        if by_id[id_] > 1:
            yield f"{content}: its id {id_} is given to {by_id[id_]} entries"
        if pair.new_tokens and pair.extended.vocab.get(content) != id_:
            yield f"{content}: not listed in model.vocab at its id {id_}, so it loads at another"
        if token.get("single_word") and content not in pair.base.vocab and content in pair.extended.vocab:
            yield f"{content}: listed in model.vocab, so it is met as a part of words too (single_word)"


def loads(pair: Pair) -> Iterator[str]:
    """The loader takes the file, with special tokens at their ids and as many ids as it has."""
    loaded = pair.extended_tokenizer
    for token in pair.base.added:
        content, id_ = token["content"], token["id"]
        if (found := loaded.token_to_id(content)) != id_:
            other = loaded.id_to_token(id_)
            holder = f" ({id_} is now {shown(other)})" if other and other != content else ""
            yield f"{content}: loads as id {found} instead of {id_}{holder}"
    ids_in_file = {*pair.extended.vocab.values(), *(token["id"] for token in pair.extended.added)}
    if loaded.get_vocab_size() != len(ids_in_file):
        yield f"the file has {len(ids_in_file)} ids, and {loaded.get_vocab_size()} once loaded"


def added_tokens(pair: Pair) -> Iterator[str]:
    """No new token is a flat added token, matched before the text is even cut."""
    known = {token["content"] for token in pair.base.added}
    for token in pair.extended.added:
        if token["content"] not in known:
            kind = "a special token" if token.get("special") else "an added token (add_tokens)"
            yield f"{token['content']!r} (id {token['id']}) is {kind}, not a token reached by merges"


def ids(pair: Pair) -> Iterator[str]:
    """New ids begin where the base's end and go up by one, each given once."""
    base_size, vocab = pair.base.size, pair.extended.vocab
    taken = Counter(vocab.values())
    taken.update(t["id"] for t in pair.extended.added if vocab.get(t["content"]) != t["id"])
    for id_, number in sorted(taken.items()):
        if number > 1:
            yield f"id {id_} is given to {number} tokens"
    base_ids = {*pair.base.vocab.values(), *(t["id"] for t in pair.base.added)}
    for token, id_ in sorted(pair.new_tokens.items(), key=lambda item: item[1]):
        if id_ < base_size:
            yield f"{shown(token)}: id {id_} is below {base_size}, where new tokens begin"
    for id_ in range(pair.extended.size):
        if id_ not in taken and (id_ >= base_size or id_ in base_ids):
            yield f"id {id_} has no token"


def base_merges(pair: Pair) -> Iterator[str]:
    """The base's merges come first, all of them, in their order."""
    mine, theirs = pair.base.merges, pair.extended.merges
    if len(theirs) < len(mine):
        yield f"{len(mine):,} merges in the base, only {len(theirs):,} in the extension"
    for rank, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        if a != b:
            yield f"merge {rank}: {_plus(a)} in the base, {_plus(b)} in the extension"


def new_merges(pair: Pair) -> Iterator[str]:
    """Every new merge makes, of two tokens, one whose bytes stand only in text with a Han character."""
    vocab = pair.extended.vocab
    seen = set(pair.base.merges)
    for merge in pair.extended.merges[len(pair.base.merges) :]:
        product = "".join(merge)
        if merge in seen:
            yield f"{_plus(merge)} is there twice"
        seen.add(merge)
        missing = [shown(token) for token in (*merge, product) if token not in vocab]
        if missing:
            yield f"{_plus(merge)}: {', '.join(missing)} is no token"
        elif fault := _fault(product):
            known = ", a token of the base," if product in pair.base.vocab else ""
            yield f"{_plus(merge)} makes {shown(product)}{known} which {fault}"


def new_tokens(pair: Pair) -> Iterator[str]:
    """Every new token's bytes stand only in text with a Han character."""
    if not pair.new_tokens:
        yield "there is no new token"
    for token, id_ in pair.new_tokens.items():
        if fault := _fault(token):
            yield f"{shown(token)} (id {id_}) {fault}"


def reachability(pair: Pair) -> Iterator[str]:
    """Every new token is reached by merges alone.

    With `ignore_merges` off: with it on, a token no merge reaches looks alive as a whole word.
    """
    yield from (f"{shown(token)}: not spelled in bytes" for token in pair.new_tokens if unspellable(token))
    spelled = [token for token in pair.new_tokens if not unspellable(token)]
    names = {id_: token for token, id_ in pair.extended.vocab.items()}
    for token, found in zip(spelled, pair.extended.by_merges_alone(spelled), strict=True):
        if found != [pair.new_tokens[token]]:
            yield f"{shown(token)}: merges stop at {' + '.join(shown(names[id_]) for id_ in found)}"


def one_pretoken(pair: Pair) -> Iterator[str]:
    """Every new token stands inside one pre-token."""
    split = pretoken_splitter(pair.extended_tokenizer, pair.extended.data)
    for token in pair.new_tokens:
        text = None if unspellable(token) else standing_text(token_to_bytes(token))
        if text is not None and len(list(split(text))) != 1:
            yield f"{shown(token)}: the pre-tokenizer cuts it"


STRUCTURAL: tuple[Callable[[Pair], Iterator[str]], ...] = (
    pipeline,
    alphabet,
    base_tokens,
    special_tokens,
    added_tokens,
    ids,
    loads,
    base_merges,
    new_merges,
    new_tokens,
    reachability,
    one_pretoken,
)


def standing_text(data: bytes) -> str | None:
    """Return a text in which a token stands by itself; None for parts of characters that need not be Han."""
    if fault_of(data) is None:
        return completed(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _fault(token: str) -> str | None:
    return "is not spelled in bytes" if unspellable(token) else fault_of(token_to_bytes(token))


def _plus(merge: tuple[str, str]) -> str:
    return " + ".join(shown(part) for part in islice(merge, 2))


def _kind(part: Any) -> str:
    if not isinstance(part, dict):
        return "none" if part is None else repr(part)
    inner = part.get("pretokenizers") or part.get("processors") or part.get("normalizers") or part.get("decoders")
    return f"{part['type']}({', '.join(str(p['type']) for p in inner)})" if inner else str(part.get("type", part))
