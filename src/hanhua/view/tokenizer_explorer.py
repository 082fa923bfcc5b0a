"""A run's tokenizer: its new tokens, searched, and a text cut by the base's tokenizer and by the extended one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from hanhua.artifacts.files import read_json
from hanhua.artifacts.manifest import open_artifact
from hanhua.errors import InputError
from hanhua.figures.shown_texts import printable
from hanhua.model_folder import load_tokenizer

TOKENS_SHOWN = 200
LONGEST_TEXT = 2000
KEPT = 4
"""Tokenizers in memory: of two runs looked at in turns."""


@dataclass(frozen=True)
class Piece:
    """One token of a text. text: "" for a token that holds a part of the character that the token before begins."""

    id: int
    text: str
    new: bool


@dataclass(frozen=True)
class Cut:
    """A text as one tokenizer cuts it."""

    name: str
    pieces: tuple[Piece, ...]
    characters: int

    @property
    def characters_per_token(self) -> float:
        """Characters of the text divided by its tokens."""
        return self.characters / len(self.pieces) if self.pieces else 0.0


@dataclass(frozen=True)
class NewTokens:
    """The new tokens asked for, most frequent first. matching: how many there are; rows: the first of them."""

    total: int
    matching: int
    first_new_id: int
    rows: tuple[dict[str, Any], ...]


def new_tokens(folder: Path, query: str = "") -> NewTokens:
    """Return the new tokens whose text holds the query, or whose id it is. Raises InputError without a list of them."""
    data = _extension(folder / "extension.json", (folder / "extension.json").stat().st_mtime_ns)
    query = query.strip()
    found = [row for row in data["tokens"] if not query or query in row["text"] or query == str(row["id"])]
    found.sort(key=lambda row: (-(row.get("count") or 0), row["id"]))
    rows = tuple({**row, "text": printable(row["text"])} for row in found[:TOKENS_SHOWN])
    return NewTokens(len(data["tokens"]), len(found), data["first_new_id"], rows)


def cuts(tokenizers: Mapping[str, Path], text: str, *, first_new_id: int) -> list[Cut]:
    """Return a text, at most LONGEST_TEXT characters of it, as each of these tokenizers cuts it.

    tokenizers: folders by name, each with `tokenizer.json`.
    """
    text = text[:LONGEST_TEXT]
    found = []
    for name, folder in tokenizers.items():
        path = folder / "tokenizer.json"
        found.append(cut(_tokenizer(path, path.stat().st_mtime_ns), text, name=name, first_new_id=first_new_id))
    return found


def cut(tokenizer: Tokenizer, text: str, *, name: str, first_new_id: int) -> Cut:
    """Return a text as one tokenizer cuts it; the pieces joined are the text."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    pieces, told = [], 0
    for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        # A character of several tokens has the same offsets in each of them, and is shown with the first.
        piece = text[max(start, told) : end]
        told = max(told, end)
        pieces.append(Piece(number, printable(piece), number >= first_new_id))
    return Cut(name, tuple(pieces), len(text))


def tokenizers_of(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Return the tokenizers of a run's finished artifacts: the base's and, where there is one, the extended one."""
    base = folders["base"] / "model" if "base" in folders else None
    extended = folders.get("vocab_extension")
    both = {"base": base, "extended": extended and _tokenizer_folder(extended)}
    return {name: path for name, path in both.items() if path is not None and (path / "tokenizer.json").is_file()}


def _tokenizer_folder(artifact: Path) -> Path:
    open_artifact(artifact, kind="tokenizer")
    return next((path for path in (artifact, artifact / "tokenizer") if (path / "tokenizer.json").is_file()), artifact)


@lru_cache(maxsize=KEPT)
def _tokenizer(path: Path, mtime_ns: int) -> Tokenizer:
    del mtime_ns  # a changed file is another one
    return load_tokenizer(path.parent)


@lru_cache(maxsize=KEPT)
def _extension(path: Path, mtime_ns: int) -> dict[str, Any]:
    del mtime_ns
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("tokens"), list):
        raise InputError(f"{path}: no list of new tokens")
    return data
