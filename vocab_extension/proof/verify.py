"""Checks an extension against its base, all of it, and lists everything that is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from hanhua.errors import InvariantError, MissingExtra
from hanhua.progress import say
from hanhua.vocab_extension.proof.pair import Pair, open_pair
from hanhua.vocab_extension.proof.trials import Trial
from hanhua.vocab_extension.proof.verify_encoding import BEHAVIORAL, Trials, llama_cpp_parity
from hanhua.vocab_extension.proof.verify_sound import SOUND_STRUCTURE
from hanhua.vocab_extension.proof.verify_structure import STRUCTURAL

MAX_SHOWN = 10
Promise = Literal["sound", "han only"]
HAN_ONLY = frozenset({"alphabet", "added_tokens", "new_merges", "new_tokens", "unchanged", "settings"})
"""Checks of our own stricter promise: that only text with a Han character changes, and that settings are the base's."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold.

    proved: by the structure of the two files; tried on texts otherwise. problems: what breaks it, the first few
    in words. number: how many there are. statement: what must hold. promise: what needs it, to be sound or the stricter
    one, that only text with Han changes.
    """

    name: str
    statement: str
    problems: tuple[str, ...]
    number: int
    proved: bool

    @property
    def holds(self) -> bool:
        """Whether nothing breaks it."""
        return self.number == 0

    @property
    def promise(self) -> Promise:
        """What it belongs to."""
        return "han only" if self.name in HAN_ONLY else "sound"

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data."""
        return {
            "check": self.name,
            "promise": self.promise,
            "statement": self.statement,
            "proved": self.proved,
            "holds": self.holds,
            "broken": self.number,
            "problems": list(self.problems),
        }


@dataclass(frozen=True)
class Examination:
    """A base and its extension, every check of them, and what each source of texts gave."""

    pair: Pair
    checks: tuple[Check, ...]
    trials: tuple[Trial, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing is broken: it is sound, and only text with Han changes."""
        return all(check.holds for check in self.checks)

    @property
    def sound(self) -> bool:
        """Whether old ids, merges and encodings are as they were, and every new token is reached."""
        return all(check.holds for check in self.checks if check.promise == "sound")

    def broken(self, promise: Promise) -> list[str]:
        """Return the names of the broken checks of one promise."""
        return [check.name for check in self.checks if check.promise == promise and not check.holds]


def verify_extension(
    extended: Path, *, base: Path, texts: Mapping[str, Iterable[str]] | None = None, structure_only: bool = False
) -> list[Check]:
    """Run every check of an extended tokenizer folder against its base; texts (by name) are tried as well.

    Works on anybody's extension. A broken check never stops the others. structure_only: the proof alone,
    without trying it on texts and through transformers. Raises InputError when either folder
    holds no byte-level BPE tokenizer.
    """
    return list(examine(extended, base=base, texts=texts, structure_only=structure_only).checks)


def examine(
    extended: Path,
    *,
    base: Path,
    texts: Mapping[str, Iterable[str]] | None = None,
    structure_only: bool = False,
    llama_cpp: bool = False,
) -> Examination:
    """Do what `verify_extension` does, and keep what was found on the way: counts, speed, how Japanese changes.

    llama_cpp: compare with llama.cpp too.
    """
    pair = open_pair(base, extended)
    checks = [_check(check, partial(check, pair), proved=True) for check in (*STRUCTURAL, *SOUND_STRUCTURE)]
    trials: tuple[Trial, ...] = ()
    if not structure_only:
        tried = Trials(pair, texts or {})
        checks += [_check(check, partial(check, pair, tried)) for check in BEHAVIORAL]
        # A file that does not load has been named as broken; there is nothing to report of it.
        trials = tried.done if "done" in vars(tried) else ()
        if llama_cpp:
            checks.append(_check(llama_cpp_parity, partial(llama_cpp_parity, pair, tried)))
    return Examination(pair, tuple(checks), trials)


def raise_if_broken(checks: Iterable[Check]) -> dict[str, str]:
    """Return `{check: "ok"}`; InvariantError listing all that is broken otherwise."""
    broken = [check for check in checks if not check.holds]
    if broken:
        raise InvariantError("the extended tokenizer is broken:\n" + "\n".join(failure_lines(broken)))
    return {check.name: "ok" for check in checks}


def failure_lines(checks: Iterable[Check]) -> list[str]:
    """Return what is broken, for people."""
    lines = []
    for check in checks:
        if not check.holds:
            lines.append(f"{check.name}: {check.number:,} broken ({check.statement})")
            lines += [f"  {problem}" for problem in check.problems]
            if check.number > len(check.problems):
                lines.append(f"  … and {check.number - len(check.problems):,} more")
    return lines


def _check(function: Callable[..., Iterator[str]], run: Callable[[], Iterator[str]], *, proved: bool = False) -> Check:
    name = function.__name__
    statement = (function.__doc__ or "").split("\n")[0].rstrip(".")
    say(f"verify: {name}")
    problems: list[str] = []
    number = 0
    try:
        found = run()
        problems = list(islice(found, MAX_SHOWN))
        number = len(problems) + sum(1 for _ in found)
    except MissingExtra:
        raise
    except Exception as error:  # what a loader raises on a broken file is a finding, not a crash of ours
        problems.append(f"cannot even be checked: {type(error).__name__}: {error}")
        number = len(problems)
    return Check(name, statement, tuple(problems), number, proved)
