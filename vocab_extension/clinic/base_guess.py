"""Which of the packaged tokenizers an extension began from, known by the ids of its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.errors import InputError, UsageError
from hanhua.packaged_tokenizers import PACKAGED
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_tokenizer_json

MIN_SHARE = 0.9
"""Of the base's tokens, at their ids; even a badly broken extension leaves more of them in place."""


@dataclass(frozen=True)
class Guess:
    """A packaged tokenizer, and what share of its tokens the extension has at the same ids."""

    name: str
    folder: Path
    share: float
    special_share: float


def guess_base(extended: Path) -> Guess:
    """Return the packaged tokenizer that a folder's tokenizer extends.

    Raises UsageError that names the nearest one when none is near enough. Packages that are not installed
    are not asked.
    """
    file = read_tokenizer_json(extended)
    best: Guess | None = None
    for name in PACKAGED:
        try:
            folder = resolve_base_tokenizer(name)
        except InputError:
            continue
        guess = _compare(name, folder, file)
        if best is None or (guess.share, guess.special_share) > (best.share, best.special_share):
            best = guess
        if (guess.share, guess.special_share) == (1, 1):
            return guess
    if best is None or best.share < MIN_SHARE:
        near = f"; the nearest is {best.name}, of which it has {best.share:.1%} of the tokens" if best else ""
        raise UsageError(
            f"{extended}: extends none of the tokenizers that installed packages carry ({', '.join(PACKAGED)}){near}. "
            "Name the tokenizer it was made from: --base FOLDER, or --base OWNER/NAME"
        )
    return best


def _compare(name: str, folder: Path, extended: BpeFile) -> Guess:
    base = read_tokenizer_json(folder)
    added = {token["content"]: token["id"] for token in base.added}
    theirs = {token["content"]: token["id"] for token in extended.added}
    ordinary = {token: id_ for token, id_ in base.vocab.items() if token not in added}
    same = sum(extended.vocab.get(token) == id_ for token, id_ in ordinary.items())
    special = sum(theirs.get(token) == id_ for token, id_ in added.items())
    return Guess(name, folder, same / max(len(ordinary), 1), special / max(len(added), 1))
