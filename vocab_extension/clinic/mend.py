"""A sound tokenizer made of a broken one: the base as it is, the new tokens behind it, and where each row comes from.

Nothing is patched. Whatever was broken, the result is the base's file with new tokens and merges appended, as a sound
extension is; of the broken file only its new tokens, its new merges in their order, and its ids are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hanhua.bits import bytes_to_token, token_to_bytes
from hanhua.progress import say
from hanhua.vocab_extension.proof.han_bytes import fault_of
from hanhua.vocab_extension.proof.pair import Pair, unspellable
from hanhua.vocab_extension.proof.verify_structure import standing_text
from hanhua.vocab_extension.tokenizer_json import BpeFile, Merge, encode_all, pretoken_splitter, whole_text_data

MAX_ROUNDS = 20


@dataclass(frozen=True)
class NewEntry:
    """A new token as it will be listed, and the id it had.

    special: its entry among the added tokens, if it is one. flat: `add_tokens` wrote it, so no merge ever made it.
    """

    token: str
    old_id: int
    special: dict[str, Any] | None = None
    flat: bool = False


@dataclass(frozen=True)
class Dropped:
    """A token that cannot be kept, with the id it had."""

    token: str
    old_id: int
    why: str


@dataclass(frozen=True)
class Mended:
    """sources: for each id, the id whose row it takes. added_merges: how many were missing and made.

    links: ids of tokens that were never there, on the way from base tokens to a flat added token, each with the base
    tokens it is made of: its row is the mean of theirs.
    """

    file: BpeFile
    sources: tuple[int, ...]
    dropped: tuple[Dropped, ...]
    added_merges: int
    links: dict[int, tuple[int, ...]]

    def moved(self) -> dict[int, int]:
        """Return the new id of each old one that is another now."""
        return {old: new for new, old in enumerate(self.sources) if old != new and new not in self.links}


def mend(pair: Pair, *, han_only: bool = False) -> Mended:
    """Return a sound extension of the pair's base with as many of the new tokens as can be reached.

    han_only: leave out the tokens that could stand in text without Han.
    """
    entries, dropped = _entries(pair, han_only=han_only)
    special = [entry for entry in entries if entry.special]
    ordinary = [entry for entry in entries if not entry.special]
    links = _links(pair, [entry.token for entry in ordinary if entry.flat], {entry.token for entry in ordinary})
    merges, added, lost = _reachable(pair, [*(entry.token for entry in ordinary), *links])
    links = {token: pieces for token, pieces in links.items() if token not in lost}
    dropped += [
        Dropped(entry.token, entry.old_id, "merges cannot make it") for entry in ordinary if entry.token in lost
    ]
    # Special ones last, so that the ids of those learned go up by one, as everything that trains them expects.
    by_id = sorted((e for e in ordinary if e.token not in lost), key=lambda entry: entry.old_id)
    made = [NewEntry(token, pieces[0]) for token, pieces in links.items()]
    kept = [*by_id, *made, *sorted(special, key=lambda entry: entry.old_id)]
    file = _assembled(pair, kept, merges)
    by_link = {file.vocab[token]: pieces for token, pieces in links.items()}
    return Mended(file, tuple(_sources(pair, kept)), tuple(dropped), added, by_link)


def _links(pair: Pair, flat: list[str], known: set[str]) -> dict[str, tuple[int, ...]]:
    """Return the tokens that are missing between base tokens and the flat ones: 人工 and 人工智 before 人工智能."""
    names = {id_: token for token, id_ in pair.base.vocab.items()}
    links: dict[str, tuple[int, ...]] = {}
    for ids in encode_all(pair.base.merges_only_encoder(), flat):
        for end in range(2, len(ids)):
            token = "".join(names[id_] for id_ in ids[:end])
            if token not in known and token not in pair.base.vocab:
                links.setdefault(token, tuple(ids[:end]))
    return links


def _entries(pair: Pair, *, han_only: bool) -> tuple[list[NewEntry], list[Dropped]]:
    """Return what may become a new token, spelled in bytes, each spelling once, and what may not."""
    split = pretoken_splitter(pair.base_tokenizer, pair.base.data)
    known = {*pair.base.vocab, *(token["content"] for token in pair.base.added)}
    entries: list[NewEntry] = []
    dropped: list[Dropped] = []
    for token, id_, special in _listed(pair):
        as_text = special is None and (unspellable(token) or token not in pair.new_tokens)
        spelled = bytes_to_token(token.encode()) if as_text else token
        if special:
            why = "it is there already" if token in known else None
        else:
            why = _why_not(spelled, known, split, han_only=han_only)
        if why:
            dropped.append(Dropped(spelled, id_, why))
        else:
            known.add(spelled)
            entries.append(NewEntry(spelled, id_, special, flat=special is None and token not in pair.new_tokens))
    return entries, dropped


def _listed(pair: Pair) -> Iterator[tuple[str, int, dict[str, Any] | None]]:
    """Yield all that is new with its id, and its entry where it is a special token."""
    yield from ((token, id_, None) for token, id_ in pair.new_tokens.items())
    loaded = _loaded_ids(pair, {token["content"] for token in pair.new_added})
    for token in pair.new_added:
        yield token["content"], loaded[token["content"]], token if token.get("special") else None


def _why_not(token: str, known: set[str], split: Callable[[str], Iterator[str]], *, han_only: bool) -> str | None:
    if token in known:
        return "it is there already"
    fault = fault_of(token_to_bytes(token)) or ""
    if "not UTF-8 in any text" in fault:
        return "its bytes stand in no text"
    text = standing_text(token_to_bytes(token))
    if text is not None and len(list(split(text))) != 1:
        return "the pre-tokenizer cuts it"
    return fault if fault and han_only else None


def _reachable(pair: Pair, tokens: list[str]) -> tuple[list[Merge], int, set[str]]:
    """Return merges by which all tokens but the lost are made, how many were added, and the lost.

    Adding a merge may take a pair away from another token, and dropping a token takes its merges along: so it goes
    round until all that is left is reached.
    """
    left, lost, added = dict.fromkeys(tokens), set[str](), set[Merge]()
    known = set(pair.base.merges)
    theirs = dict.fromkeys(merge for merge in pair.extended.merges if merge not in known)
    tried: set[str] = set()
    for _ in range(MAX_ROUNDS):
        vocab = {**pair.base.vocab, **dict.fromkeys(left, 0)}
        fits = [m for m in theirs if "".join(m) in left and m[0] in vocab and m[1] in vocab]
        missed = _missed(pair.base, list(left), fits)
        if not missed:
            return fits, len(added & set(fits)), lost
        say(f"repair: {len(missed):,} of {len(left):,} new tokens are not reached by merges yet")
        for token in sorted(missed, key=len):
            if token in tried:
                lost.add(token)
                del left[token]
            else:
                tried.add(token)
                new = [cut for cut in _cuts(token, vocab) if cut not in theirs]
                theirs |= dict.fromkeys(new)
                added |= set(new)
    lost |= set(missed)
    fits = [m for m in fits if "".join(m) not in lost and not lost & set(m)]
    return fits, len(added & set(fits)), lost


def _cuts(token: str, vocab: Iterable[str]) -> list[Merge]:
    return [(token[:at], token[at:]) for at in range(1, len(token)) if token[:at] in vocab and token[at:] in vocab]


def _missed(base: BpeFile, tokens: list[str], merges: list[Merge]) -> list[str]:
    """Return the tokens that merges alone do not make, with the base's before the given ones."""
    vocab = {**base.vocab, **{token: base.size + i for i, token in enumerate(tokens)}}
    model = {**base.data["model"], "vocab": vocab, "merges": [*base.merges, *merges]}
    encoder = BpeFile(base.place, {**base.data, "model": model}).merges_only_encoder()
    return [t for t, ids in zip(tokens, encode_all(encoder, tokens), strict=True) if ids != [vocab[t]]]


def _assembled(pair: Pair, kept: list[NewEntry], merges: list[Merge]) -> BpeFile:
    base = pair.base
    vocab = {**base.vocab, **{token["content"]: token["id"] for token in base.added}}
    ids = {entry.token: base.size + i for i, entry in enumerate(kept)}
    vocab |= ids
    new_special = [{**entry.special, "id": ids[entry.token]} for entry in kept if entry.special]
    listed = base.data["model"]["merges"]
    as_text = bool(listed) and isinstance(listed[0], str)
    appended: list[Any] = [f"{a} {b}" if as_text else [a, b] for a, b in merges]
    model = {**base.data["model"], "vocab": vocab, "merges": [*listed, *appended]}
    data = {**whole_text_data(base.data), "model": model, "added_tokens": [*base.added, *new_special]}
    return BpeFile(pair.extended.place, data)


def _sources(pair: Pair, kept: list[NewEntry]) -> Iterator[int]:
    """Yield the old id of each token of the mended file, in the order of its ids.

    A special token was trained at the id it loaded at; but where that id was a new token's too, its row is the new
    token's, and the special one keeps the row at its own id.
    """
    vocab, base = pair.extended.vocab, pair.base
    special = {token["content"] for token in base.added}
    loaded = _loaded_ids(pair, special)
    taken = {*pair.new_tokens.values()}
    names = {id_: token for token, id_ in base.vocab.items()} | {int(t["id"]): t["content"] for t in base.added}
    for id_ in range(base.size):
        name = names.get(id_)
        if name is None:
            yield id_
        elif name in special:
            found = loaded.get(name, id_)
            yield id_ if found in taken else found
        else:
            yield vocab.get(name, id_)
    yield from (entry.old_id for entry in kept)


def _loaded_ids(pair: Pair, contents: set[str]) -> dict[str, int]:
    """Return the ids at which added tokens load, which are those a model was trained with."""
    theirs = {token["content"]: int(token["id"]) for token in pair.extended.added if token["content"] in contents}
    try:
        loaded = pair.extended_tokenizer
    except Exception:
        return theirs
    found = ((name, id_, loaded.token_to_id(name)) for name, id_ in theirs.items())
    return {name: id_ if other is None else int(other) for name, id_, other in found}
