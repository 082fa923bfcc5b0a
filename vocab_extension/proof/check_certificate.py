"""Confirms by itself that an extended byte-level BPE tokenizer leaves text without Chinese characters as it was.

    python check_certificate.py certificate.json base/tokenizer.json extended/tokenizer.json
    python check_certificate.py base/tokenizer.json extended/tokenizer.json

Made to be read from top to bottom; it shares nothing with the program that wrote the certificate. Why its claims
are enough: both files cut a text alike and merge by the same base merges first, and whatever is new has bytes that
stand only where a Han character stands; so where none stands, the same merges happen in the same order.
Exit code 1, and what is wrong, unless every claim holds and the certificate, if there is one, says the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any, Iterator  # noqa: UP035 - one import fewer to trust

Data = dict[str, Any]
# 々, 〇, extension A, the main block, compatibility, and the two planes that Unicode keeps for ideographs.
HAN = ((0x3005, 0x3005), (0x3007, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
# GPT-2's spelling of bytes: printable Latin-1 stands for itself, the others are U+0100 and up, in order.
PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
BYTE_OF = {chr(byte): byte for byte in PRINTABLE} | {chr(0x100 + i): byte for i, byte in enumerate(OTHERS)}


def read(path: str) -> Data:
    """Return a tokenizer.json: vocabulary, merges as pairs, added tokens by text, all ids by token, all other parts."""
    with open(path, "rb") as file:  # noqa: PTH123
        raw = file.read()
    data = json.loads(raw)
    model = data.pop("model")
    vocab, merges = model.pop("vocab"), model.pop("merges")
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in merges]
    added = {token["content"]: token for token in data.pop("added_tokens", None) or ()}
    for name in ("version", "truncation", "padding"):  # the last two cut or fill texts, and are a call's settings
        data.pop(name, None)
    parts = data | {f"model.{name}": value or None for name, value in model.items()}
    ids = vocab | {content: token["id"] for content, token in added.items()}
    hashed = hashlib.sha256(raw).hexdigest()
    return {"vocab": vocab, "merges": merges, "added": added, "ids": ids, "parts": parts, "sha256": hashed}


def is_han(first: int, last: int) -> bool:
    """Return whether all characters from the first to the last are Han."""
    return any(begin <= first <= last <= end for begin, end in HAN)


def fault(token: str) -> str | None:
    """Return why a token's bytes could stand in text without Han, or cut another character; None for neither."""
    if not BYTE_OF.keys() >= set(token):
        return "is not spelled in bytes"
    data, rest = bytes(BYTE_OF[character] for character in token), b""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return f"does not begin with a character, or is no text: {data.hex(' ').upper()}"
        text, rest = data[: error.start].decode(), data[error.start :]
    if not rest:
        return None if any(is_han(ord(c), ord(c)) for c in text) else f"has no Han character: {text!r}"
    # The beginning of a character: from its first completion to its last, all must be Han.
    ends = [(rest + byte * 3).decode("utf-8", "ignore") for byte in (b"\x80", b"\xbf")]
    if len("".join(ends)) == 2 and is_han(ord(ends[0]), ord(ends[1])):
        return None
    return f"ends inside a character that need not be Han: {rest.hex(' ').upper()}"


def fresh(base: Data, new: Data) -> dict[str, int]:
    """Return the new tokens and their ids."""
    return {t: i for t, i in new["vocab"].items() if t not in base["ids"] and t not in new["added"]}


def pipeline(base: Data, new: Data) -> Iterator[str]:
    """All but vocabulary, merges and added tokens is equal."""
    for name in sorted(base["parts"].keys() | new["parts"].keys()):
        if base["parts"].get(name) != new["parts"].get(name):
            yield f"{name}: {str(base['parts'].get(name))[:200]} → {str(new['parts'].get(name))[:200]}"


def alphabet(base: Data, new: Data) -> Iterator[str]:
    """Every byte that Chinese is spelled with, and every byte inside characters, has a token."""
    # A byte without one is left out of a text. If it were inside a character, what is left could begin another.
    needed = (*range(0x80, 0xC0), *range(0xE3, 0xEA), 0xEF, 0xF0)
    return (f"the byte {BYTE_OF[t]:#x} has none" for t in BYTE_OF if BYTE_OF[t] in needed and t not in base["vocab"])


def base_tokens(base: Data, new: Data) -> Iterator[str]:
    """Every base token keeps its id."""
    return (f"{t!r}: {i} → {new['vocab'].get(t)}" for t, i in base["vocab"].items() if new["vocab"].get(t) != i)


def special_tokens(base: Data, new: Data) -> Iterator[str]:
    """Special tokens are as they were, and in the vocabulary at their ids: the loader numbers the others anew."""
    grown = bool(fresh(base, new))
    for content, token in base["added"].items():
        if new["added"].get(content) != token:
            yield f"{content}: {token} → {new['added'].get(content)}"
        if grown and new["vocab"].get(content) != token["id"]:
            yield f"{content}: {new['vocab'].get(content)} in the vocabulary, where its id is {token['id']}"


def added_tokens(base: Data, new: Data) -> Iterator[str]:
    """No added token is new."""
    return (f"{t!r} is matched before the text is cut" for t in new["added"] if t not in base["added"])


def ids(base: Data, new: Data) -> Iterator[str]:
    """New ids go up by one from where the base's end, and no id is given twice."""
    first = max(base["ids"].values()) + 1
    yield from (f"{t!r}: id {i} is below {first}" for t, i in fresh(base, new).items() if i < first)
    held: dict[int, set[str]] = {}
    for token, id_ in [*new["vocab"].items(), *((t, entry["id"]) for t, entry in new["added"].items())]:
        held.setdefault(id_, set()).add(token)
    yield from (f"id {i} is given to {sorted(tokens)}" for i, tokens in held.items() if len(tokens) > 1)
    yield from (f"id {i} has no token" for i in range(first, max(held) + 1) if i not in held)


def base_merges(base: Data, new: Data) -> Iterator[str]:
    """The base's merges come first, all of them, in their order."""
    now = new["merges"] + [("nothing", "")] * len(base["merges"])
    return (f"merge {i}: {a} → {b}" for i, (a, b) in enumerate(zip(base["merges"], now, strict=False)) if a != b)


def new_merges(base: Data, new: Data) -> Iterator[str]:
    """Every new merge makes, of two tokens, one that stands only where a Han character stands; none is there twice."""
    seen = set(base["merges"])
    for merge in new["merges"][len(base["merges"]) :]:
        if merge in seen:
            yield f"{merge} is there twice"
        seen.add(merge)
        if not {*merge, "".join(merge)} <= new["vocab"].keys():
            yield f"{merge}: not two tokens that make a third"
        if why := fault("".join(merge)):
            yield f"{merge} makes {''.join(merge)!r}, which {why}"


def new_tokens(base: Data, new: Data) -> Iterator[str]:
    """There are new tokens, and each stands only where a Han character stands."""
    yield from () if fresh(base, new) else ("there is no new token",)
    yield from (f"{token!r} {why}" for token in fresh(base, new) if (why := fault(token)))


def reachability(base: Data, new: Data) -> Iterator[str]:
    """Merging the bytes of a new token, and nothing else, gives that token."""
    ranks = {merge: rank for rank, merge in enumerate(new["merges"])}
    for token in fresh(base, new):
        parts = list(token)
        while fits := [
            (ranks[pair], at) for at in range(len(parts) - 1) if (pair := (parts[at], parts[at + 1])) in ranks
        ]:
            at = min(fits)[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        if len(parts) > 1:
            yield f"{token!r}: merges stop at {parts}"


CLAIMS = (
    *(pipeline, alphabet, base_tokens, special_tokens, added_tokens),
    *(ids, base_merges, new_merges, new_tokens, reachability),
)


def disagreements(said: Data, base: Data, new: Data, broken: set[str]) -> Iterator[str]:
    """Yield where a certificate says otherwise than the files do: hashes, counts, and which claims hold."""
    first, number = max(base["ids"].values()) + 1, len(fresh(base, new))
    true: Data = {"extended.first_new_id": first, "extended.new_tokens": number}
    for name, file in (("base", base), ("extended", new)):
        true |= {f"{name}.sha256": file["sha256"], f"{name}.ids": len(set(file["ids"].values()))}
        true |= {f"{name}.{part}": len(file[part]) for part in ("merges", "added")}
    true |= {claim.__name__: claim.__name__ not in broken for claim in CLAIMS}
    told = said.get("counts", {}) | {claim["check"]: claim["holds"] for claim in said.get("proved", [])}
    return (
        f"{name}: it says {told.get(name)}, and {value} is true"
        for name, value in true.items()
        if told.get(name) != value
    )


def main(paths: list[str]) -> int:
    """Check every claim, print each with what breaks it, and return the exit code."""
    if len(paths) not in (2, 3):
        print(__doc__)
        return 2
    base, new = read(paths[-2]), read(paths[-1])
    found = {claim.__name__: (str(claim.__doc__), list(claim(base, new))) for claim in CLAIMS}
    if len(paths) == 3:
        with open(paths[0], encoding="utf-8") as file:  # noqa: PTH123
            said = json.load(file)
        wrong = list(disagreements(said, base, new, {name for name, (_, problems) in found.items() if problems}))
        found["certificate"] = ("It says of the two files what is true of them.", wrong)
    for name, (claim, problems) in found.items():
        more = [f"… and {len(problems) - 10:,} more"] if len(problems) > 10 else []
        print(f"{'BROKEN' if problems else 'ok    '} {name}: {claim}", *problems[:10], *more, sep="\n         ")
    return 1 if any(problems for _, problems in found.values()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        sys.exit(f"BROKEN a file that cannot be read: {type(error).__name__}: {error}")
