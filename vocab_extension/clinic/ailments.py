"""What can be wrong with an extended tokenizer, kind by kind: how it is found. Names and remedies are in `kinds`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.bits import token_to_bytes
from hanhua.vocab_extension.extend import EXTENSION_JSON
from hanhua.vocab_extension.proof.han_bytes import fault_of
from hanhua.vocab_extension.proof.pair import Pair, shown, unspellable
from hanhua.vocab_extension.proof.verify_encoding import true_head
from hanhua.vocab_extension.proof.verify_sound import flat_tokens
from hanhua.vocab_extension.proof.verify_structure import one_pretoken, reachability
from hanhua.vocab_extension.tokenizer_json import saved_limits

GENERIC_CLASSES = (None, "PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes of transformers that take tokenizer.json as it is; others may put parts of their own in its place."""
OLD_FILES = ("vocab.json", "merges.txt", "added_tokens.json", "tokenizer.model")
_NAMED = ("bos_token", "eos_token", "pad_token", "unk_token")


def special_ids_moved(pair: Pair) -> Iterator[str]:
    """Find special tokens that load at another id than the base gives them."""
    loaded = pair.extended_tokenizer
    theirs = {token["content"] for token in pair.extended.added}
    for token in pair.base.added:
        found = loaded.token_to_id(token["content"])
        if token["content"] in theirs and found != token["id"]:
            yield f"{token['content']}: loads as id {found}, {token['id']} in the base"


def special_missing(pair: Pair) -> Iterator[str]:
    """Find special tokens of the base that are none any more."""
    theirs = {token["content"] for token in pair.extended.added}
    yield from (token["content"] for token in pair.base.added if token["content"] not in theirs)


def special_flags(pair: Pair) -> Iterator[str]:
    """Find special tokens with other flags."""
    theirs = {token["content"]: token for token in pair.extended.added}
    for token in pair.base.added:
        found = theirs.get(token["content"], token)
        differing = [key for key in token if key != "id" and token[key] != found.get(key)]
        if differing:
            yield f"{token['content']}: {', '.join(differing)}"


def base_ids_moved(pair: Pair) -> Iterator[str]:
    """Find base tokens with another id."""
    vocab, special = pair.extended.vocab, {token["content"] for token in pair.base.added}
    for token, id_ in pair.base.vocab.items():
        if token not in special and vocab.get(token, id_) != id_:
            yield f"{shown(token)}: id {id_} in the base, {vocab[token]} here"


def base_tokens_missing(pair: Pair) -> Iterator[str]:
    """Find base tokens that are gone."""
    special = {token["content"] for token in pair.base.added}
    gone = (token for token in pair.base.vocab if token not in pair.extended.vocab and token not in special)
    yield from (f"{shown(token)} (id {pair.base.vocab[token]})" for token in gone)


def id_holes(pair: Pair) -> Iterator[str]:
    """Find ids behind the base's without a token."""
    taken = {*pair.extended.vocab.values(), *(token["id"] for token in pair.extended.added)}
    yield from (f"id {id_}" for id_ in range(pair.base.size, pair.extended.size) if id_ not in taken)


def id_shared(pair: Pair) -> Iterator[str]:
    """Find ids with two tokens."""
    holders: dict[int, set[str]] = {}
    entries = [(token["content"], token["id"]) for token in pair.extended.added]
    for token, id_ in [*pair.extended.vocab.items(), *entries]:
        holders.setdefault(id_, set()).add(token)
    for id_, tokens in sorted(holders.items()):
        if len(tokens) > 1:
            yield f"id {id_}: {', '.join(sorted(map(shown, tokens)))}"


def ids_inside_base(pair: Pair) -> Iterator[str]:
    """Find new tokens with ids that belong to the base."""
    yield from (f"{shown(t)}: id {id_}" for t, id_ in pair.new_tokens.items() if id_ < pair.base.size)


def merge_order(pair: Pair) -> Iterator[str]:
    """Find that the base's merges are all there, but not first and in their order."""
    mine, theirs = pair.base.merges, pair.extended.merges
    if theirs[: len(mine)] != mine and set(mine) <= set(theirs):
        at = next(rank for rank, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b)
        found, wanted = (" + ".join(map(shown, merge)) for merge in (theirs[at], mine[at]))
        yield f"from merge {at}: {found}, where the base has {wanted}"


def merges_missing(pair: Pair) -> Iterator[str]:
    """Find merges of the base that are gone."""
    theirs = set(pair.extended.merges)
    yield from (" + ".join(map(shown, merge)) for merge in pair.base.merges if merge not in theirs)


def merge_twice(pair: Pair) -> Iterator[str]:
    """Find merges that are listed twice; the loader keeps the last, which ranks lower."""
    listed = Counter(pair.extended.merges)
    yield from (" + ".join(map(shown, merge)) for merge, times in listed.items() if times > 1)


def merge_of_nothing(pair: Pair) -> Iterator[str]:
    """Find merges of, or into, what is no token."""
    vocab = pair.extended.vocab
    for merge in pair.extended.merges:
        if merge[0] not in vocab or merge[1] not in vocab or "".join(merge) not in vocab:
            yield " + ".join(map(shown, merge))


def merge_into_base(pair: Pair) -> Iterator[str]:
    """Find new merges that make a token of the base in another way."""
    known = set(pair.base.merges)
    for merge in pair.extended.merges:
        if merge not in known and "".join(merge) in pair.base.vocab:
            yield f"{' + '.join(map(shown, merge))} makes {shown(''.join(merge))}"


def unreachable(pair: Pair) -> Iterator[str]:
    """Find new tokens, spelled in bytes, that merges never make."""
    yield from (found for found in reachability(pair) if "not spelled in bytes" not in found)


def cut_tokens(pair: Pair) -> Iterator[str]:
    """Find new tokens that the pre-tokenizer cuts."""
    yield from one_pretoken(pair)


def not_bytes(pair: Pair) -> Iterator[str]:
    """Find new tokens written as plain text."""
    yield from (shown(token) for token in pair.new_tokens if unspellable(token))


def never_text(pair: Pair) -> Iterator[str]:
    """Find new tokens whose bytes stand in no text."""
    for token in pair.new_tokens:
        fault = None if unspellable(token) else fault_of(token_to_bytes(token))
        if fault and "not UTF-8 in any text" in fault:
            yield shown(token)


def added_flat(pair: Pair) -> Iterator[str]:
    """Find what `add_tokens` wrote."""
    yield from flat_tokens(pair)


def truncation_saved(pair: Pair) -> Iterator[str]:
    """Find a saved truncation."""
    yield from (found for found in saved_limits(pair.extended.data) if found.startswith("truncation"))


def padding_saved(pair: Pair) -> Iterator[str]:
    """Find a saved padding."""
    yield from (found for found in saved_limits(pair.extended.data) if found.startswith("padding"))


def normalizer_changed(pair: Pair) -> Iterator[str]:
    """Find another normalizer."""
    yield from _part_changed(pair, "normalizer")


def pre_tokenizer_changed(pair: Pair) -> Iterator[str]:
    """Find another pre-tokenizer."""
    yield from _part_changed(pair, "pre_tokenizer")


def decoder_changed(pair: Pair) -> Iterator[str]:
    """Find another decoder."""
    yield from _part_changed(pair, "decoder")


def post_processor_changed(pair: Pair) -> Iterator[str]:
    """Find another post-processor."""
    yield from _part_changed(pair, "post_processor")


def model_switched(pair: Pair) -> Iterator[str]:
    """Find switches of the model that differ, such as ignore_merges."""
    a, b = pair.base.data["model"], pair.extended.data["model"]
    for switch in sorted((a.keys() | b.keys()) - {"vocab", "merges"}):
        if (a.get(switch) or None) != (b.get(switch) or None):
            yield f"{switch}: {a.get(switch)!r} in the base, {b.get(switch)!r} here"


def wrong_class(pair: Pair) -> Iterator[str]:
    """Find a class of transformers that is not the base's and may replace parts of tokenizer.json."""
    theirs, mine = (settings_of(file.place.parent).get("tokenizer_class") for file in (pair.extended, pair.base))
    if theirs not in GENERIC_CLASSES and theirs != mine:
        yield f"tokenizer_class is {theirs}, {mine} in the base"


def named_missing(pair: Pair) -> Iterator[str]:
    """Find settings that name a special token which does not exist."""
    known = {*pair.extended.vocab, *(token["content"] for token in pair.extended.added)}
    for key, token in named_tokens(settings_of(pair.extended.place.parent)).items():
        if token not in known:
            yield f"{key} is {token!r}"


def extension_untrue(pair: Pair) -> Iterator[str]:
    """Find an `extension.json` that tells other numbers than the files have."""
    place = pair.extended.place.parent / EXTENSION_JSON
    if place.is_file():
        said = read_json(place)
        wrong = {key: value for key, value in true_head(pair, said).items() if said.get(key) != value}
        yield from (f"{key} is {said.get(key)}, and should be {value}" for key, value in wrong.items())


def old_files(pair: Pair) -> Iterator[str]:
    """Find older forms of the vocabulary that do not have the new tokens, which other programs may read."""
    yield from (name for name in OLD_FILES if (pair.extended.place.parent / name).is_file())


def settings_of(folder: Path) -> dict[str, Any]:
    """Return a folder's tokenizer_config.json, empty where it has none."""
    place = folder / "tokenizer_config.json"
    return dict(read_json(place)) if place.is_file() else {}


def named_tokens(settings: dict[str, Any]) -> dict[str, str]:
    """Return the special tokens that settings name, by key."""
    found = {key: settings[key] for key in _NAMED if settings.get(key)}
    return {key: token["content"] if isinstance(token, dict) else token for key, token in found.items()}


def _part_changed(pair: Pair, part: str) -> Iterator[str]:
    a, b = pair.base.data.get(part), pair.extended.data.get(part)
    if a != b:
        kinds = [_kind(value) for value in (a, b)]
        other = "" if kinds[0] != kinds[1] else ", with other settings"
        yield f"{kinds[0]} in the base, {kinds[1]} here{other}"


def _kind(part: Any) -> str:
    if not isinstance(part, dict):
        return "none"
    inner = part.get("pretokenizers") or part.get("processors") or part.get("normalizers") or part.get("decoders")
    return f"{part['type']}({', '.join(str(p['type']) for p in inner)})" if inner else str(part.get("type"))
