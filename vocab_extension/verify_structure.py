"""The proof by structure: what must hold of the two files for "no Han in, no change out" to be a theorem.

Every text is first cut by the same expression and merged by the same base merges, since those are unchanged
and rank first. A new merge can only fire where the bytes of its product are, and each product holds a whole
Han character, which UTF-8 cannot hide inside other characters. So a text without Han is never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from hanhua.bits import token_to_bytes
from hanhua.vocab_extension.pair import Pair, shown
from hanhua.vocab_extension.samples import HAS_HAN
from hanhua.vocab_extension.tokenizer_json import encode_all, pretoken_splitter

_PIPELINE = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "truncation", "padding")


def pipeline(pair: Pair) -> Iterator[str]:
    """Normaliser, pre-tokenizer, post-processor, decoder and the model's switches are the base's."""
    base, new = pair.base.data, pair.extended.data
    for part in _PIPELINE:
        if base.get(part) != new.get(part):
            yield f"{part}: {_kind(base.get(part))} in the base, {_kind(new.get(part))} in the extension"
    for switch in sorted((base["model"].keys() | new["model"].keys()) - {"vocab", "merges"}):
        a, b = base["model"].get(switch), new["model"].get(switch)
        if a != b:
            yield f"model.{switch}: {a!r} in the base, {b!r} in the extension"


def base_tokens(pair: Pair) -> Iterator[str]:
    """Every base token keeps its id."""
    vocab = pair.extended.vocab
    for token, id_ in pair.base.vocab.items():
        if vocab.get(token) != id_:
            yield f"{shown(token)}: id {id_} in the base, {vocab.get(token, 'missing')} in the extension"


def special_tokens(pair: Pair) -> Iterator[str]:
    """Special tokens keep their ids and their flags, in the file and once loaded."""
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
        loaded = pair.extended_tokenizer.token_to_id(content)
        if loaded != id_:
            other = pair.extended_tokenizer.id_to_token(id_)
            holder = f" ({id_} is now {shown(other)})" if other and other != content else ""
            yield f"{content}: loads as id {loaded} instead of {id_}{holder}; list it in model.vocab at its own id too"
        if by_id[id_] > 1:
            yield f"{content}: its id {id_} is given to {by_id[id_]} entries"


def added_tokens(pair: Pair) -> Iterator[str]:
    """No new token is a flat added token, matched before the text is even cut."""
    known = {token["content"] for token in pair.base.added}
    for token in pair.extended.added:
        if token["content"] not in known:
            kind = "a special token" if token.get("special") else "an added token (add_tokens)"
            yield f"{token['content']!r} (id {token['id']}) is {kind}, not a token reached by merges"


def ids(pair: Pair) -> Iterator[str]:
    """New ids begin where the base's end and go up by one, each given once, as many as the loader counts."""
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
    loaded = pair.extended_tokenizer.get_vocab_size()
    if loaded != len(taken):
        yield f"the file has {len(taken)} ids, and {loaded} once loaded"


def base_merges(pair: Pair) -> Iterator[str]:
    """The base's merges come first, all of them, in their order."""
    mine, theirs = pair.base.merges, pair.extended.merges
    if len(theirs) < len(mine):
        yield f"{len(mine):,} merges in the base, only {len(theirs):,} in the extension"
    for rank, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        if a != b:
            yield f"merge {rank}: {_plus(a)} in the base, {_plus(b)} in the extension"


def new_merges(pair: Pair) -> Iterator[str]:
    """Every new merge joins two tokens to a new one that holds a whole Han character."""
    vocab, new = pair.extended.vocab, pair.new_tokens
    seen = set(pair.base.merges)
    for merge in pair.extended.merges[len(pair.base.merges) :]:
        product = "".join(merge)
        if merge in seen:
            yield f"{_plus(merge)} is there twice"
        seen.add(merge)
        missing = [shown(token) for token in (*merge, product) if token not in vocab]
        if missing:
            yield f"{_plus(merge)}: {', '.join(missing)} is no token"
        elif product not in new:
            yield f"{_plus(merge)} makes {shown(product)}, which the base had before"
        elif fault := _fault(product):
            yield f"{_plus(merge)} makes {shown(product)}, which {fault}"


def new_tokens(pair: Pair) -> Iterator[str]:
    """Every new token is whole text with a Han character in it."""
    if not pair.new_tokens:
        yield "there is no new token"
    for token, id_ in pair.new_tokens.items():
        if fault := _fault(token):
            yield f"{shown(token)} (id {id_}) {fault}"


def reachability(pair: Pair) -> Iterator[str]:
    """Every new token is reached by merges alone, inside one pre-token.

    With `ignore_merges` off: with it on, a token no merge reaches looks alive as a whole word.
    """
    spelled = [token for token in pair.new_tokens if not _unspellable(token)]
    split = pretoken_splitter(pair.extended_tokenizer, pair.extended.data)
    encoder = pair.extended.merges_only_encoder()
    names = {id_: token for token, id_ in pair.extended.vocab.items()}
    for token, found in zip(spelled, encode_all(encoder, spelled), strict=True):
        if found != [pair.new_tokens[token]]:
            yield f"{shown(token)}: merges stop at {' + '.join(shown(names[id_]) for id_ in found)}"
        elif not _fault(token) and len(list(split(token_to_bytes(token).decode()))) != 1:
            yield f"{shown(token)}: the pre-tokenizer cuts it"


STRUCTURAL: tuple[Callable[[Pair], Iterator[str]], ...] = (
    pipeline,
    base_tokens,
    special_tokens,
    added_tokens,
    ids,
    base_merges,
    new_merges,
    new_tokens,
    reachability,
)


def _fault(token: str) -> str | None:
    if _unspellable(token):
        return "is not spelled in bytes"
    try:
        text = token_to_bytes(token).decode()
    except UnicodeDecodeError:
        return "is part of a character"
    return None if HAS_HAN.search(text) else "has no Han character"


def _unspellable(token: str) -> bool:
    try:
        token_to_bytes(token)
    except KeyError:
        return True
    return False


def _plus(merge: tuple[str, str]) -> str:
    return " + ".join(shown(part) for part in islice(merge, 2))


def _kind(part: Any) -> str:
    if not isinstance(part, dict):
        return "none" if part is None else repr(part)
    inner = part.get("pretokenizers") or part.get("processors") or part.get("normalizers") or part.get("decoders")
    return f"{part['type']}({', '.join(str(p['type']) for p in inner)})" if inner else str(part.get("type", part))
