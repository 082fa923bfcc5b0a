"""The words of the harmful-content filter, read from the files in `lexicon/`, all written for this project.

A file per category, and three that serve all of them: `solicit` (how to get in touch, and promises: evidence
only together with the words of a category), `context` (words of news, law, medicine, teaching and help: they weaken
what is next to them) and `exceptions` (harmless phrases that contain a term: 制度性交易, 大麻仁).

`[topic 2]` begins terms of role `topic` and weight 2, parted by spaces or lines; `[pattern offer 3]` begins
regular expressions, one per line, on the folded text. The roles: `topic`, what it is about; `act`, words that
are the thing itself (a slur); `offer`, what only those say who sell it or incite to it; `contact`, what
honest sellers say too. A term may be in several files.
Political speech is not a category: no such words belong here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from hanhua.errors import InputError
from hanhua.filtering.config import CATEGORIES
from hanhua.zh_text.folding import fold

Role = Literal["topic", "act", "offer", "contact", "benign", "exception"]
SHARED = ("solicit", "context", "exceptions")
_HEADER = re.compile(r"\[(pattern )?([a-z]+) ([0-9.]+)\]")


@dataclass(frozen=True)
class Sense:
    """What a term means in one list: its category (or shared list), role and weight."""

    list_name: str
    role: Role
    weight: float


@dataclass(frozen=True)
class Pattern:
    """A regular expression of the lexicon, on folded text."""

    regex: re.Pattern[str]
    sense: Sense


@dataclass(frozen=True)
class Lexicon:
    """All terms, by folded form, each with its senses; the patterns; and a hash of the files."""

    senses: dict[str, tuple[Sense, ...]]
    patterns: tuple[Pattern, ...]
    sha256: str
    categories: tuple[str, ...] = CATEGORIES


def load_lexicon(more: Mapping[str, str] | None = None) -> Lexicon:
    """Read the files of the package, and more by category: further terms, or a category of its own.

    Raises InputError, naming file and line, for a mistake in one of them.
    """
    senses: dict[str, dict[str, Sense]] = {}
    patterns: list[Pattern] = []
    digest = hashlib.sha256()
    own = files("hanhua.filtering.harm").joinpath("lexicon")
    shipped = {name: f"{name}.txt" for name in (*CATEGORIES, *SHARED)}
    texts = [(name, file, own.joinpath(file).read_text(encoding="utf-8")) for name, file in shipped.items()]
    texts += [(name, path, _read(Path(path))) for name, path in (more or {}).items()]
    for name, place, text in texts:
        digest.update(f"{name}\n{text}".encode())
        for sense, term, is_pattern in _entries(name, place, text):
            if is_pattern:
                patterns.append(Pattern(re.compile(term), sense))
            else:
                # The heavier sense wins where a list has a term twice (in two spellings).
                known = senses.setdefault(fold(term).text, {})
                if name not in known or known[name].weight < sense.weight:
                    known[name] = sense
    if "" in senses:
        raise InputError("the lexicon has a term that folds to nothing")
    merged = {term: tuple(by_list.values()) for term, by_list in senses.items()}
    categories = tuple(dict.fromkeys(name for name, *_ in texts if name not in SHARED))
    return Lexicon(merged, tuple(patterns), digest.hexdigest(), categories)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable lexicon ({error})") from error


def _entries(name: str, place: str, text: str) -> list[tuple[Sense, str, bool]]:
    entries: list[tuple[Sense, str, bool]] = []
    sense, is_pattern = Sense(name, "exception", 0.0), False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        header = _HEADER.fullmatch(line.strip())
        if header:
            if header[2] not in get_args(Role):
                raise InputError(f"{place} line {number}: unknown role {header[2]!r}")
            sense, is_pattern = Sense(name, header[2], float(header[3])), header[1] is not None  # type: ignore[arg-type]
            continue
        if name != "exceptions" and sense.role == "exception":
            raise InputError(f"{place} line {number}: terms before the first [role weight]")
        entries += [(sense, term, is_pattern) for term in ([line] if is_pattern else line.split())]
    return entries
