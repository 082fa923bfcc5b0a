"""The words that the docs do not use: read from the glossary's tables, and old config keys from `hanhua.renamed`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
import yaml
from repository import ROOT

from hanhua import renamed

DOCS = ROOT / "docs"
KEYS_ZH = ROOT / "src" / "hanhua" / "pipeline" / "recipe" / "configuration.zh-CN.yaml"
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?: {4,}.*(?:\n|\Z)+)+")
_SPAN = re.compile(r"`[^`\n]+`")
_TARGET = re.compile(r"\]\([^)]*\)")


def rows(page: str) -> list[tuple[str, ...]]:
    """Return the four cells of every row of a glossary's tables: term, its other language, meaning, not used."""
    lines = (DOCS / page).read_text(encoding="utf-8").split("\n")
    found = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in lines if line.startswith("| ")]
    assert all(len(row) == 4 for row in found), "a glossary's table has four columns"
    return [row for row in found if row[0] not in ("term", "术语")]


def banned(page: str) -> dict[str, re.Pattern[str]]:
    """Return, by the words of the last column of a glossary's tables, what finds them in prose."""
    words = [word.strip() for row in rows(page) for word in row[3].split(",")]
    return {word: _pattern(word) for word in words if word}


def _pattern(word: str) -> re.Pattern[str]:
    """Find a word whole, or every word that begins with it when it ends in `*`; Chinese has no ends of words."""
    stem = re.escape(word.removesuffix("*")).replace(r"\ ", r"\s+")
    if not word.isascii():
        return re.compile(stem)
    end = "" if word.endswith("*") else r"(?![A-Za-z0-9_])"
    return re.compile(rf"(?<![A-Za-z0-9_]){stem}{end}", re.IGNORECASE)


def old_names() -> dict[str, re.Pattern[str]]:
    """Return what finds config keys and options by their old names; a key that is a plain word only as `key:`."""
    found = {option: re.compile(rf"(?<![\w-]){option}(?![\w-])") for option in renamed.OPTIONS}
    for key in _old_keys():
        ends = r"(?!\w)" if "_" in key else r":(?=[\s}]|$)"
        found[key] = re.compile(rf"(?<![\w./-]){key}{ends}")
        found[f".{key}="] = re.compile(rf"(?<=\w)\.{key}(?:[.=])")
    return found


def _old_keys() -> set[str]:
    keys = {old for names in vars(renamed)["_BY_SECTION"].values() for old in names}
    assert len(keys) > 15 and "sequence_tokens" in keys
    return keys


def prose(markdown: str) -> str:
    """Return a page's prose: code and the targets of links blanked out, every line where it was."""
    for code in (_FENCE, _INDENTED, _SPAN, _TARGET):
        markdown = code.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), markdown)
    return markdown


def pages(*, chinese: bool) -> dict[str, str]:
    """Return the text of every page whose words are ours today, by its name; results keep the words of their day."""
    paths = [*DOCS.glob("*.md"), *DOCS.glob("*.template"), *ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md"]
    made = {"configuration.md", "configuration.zh-CN.md"}
    found = {}
    for path in sorted(paths):
        if (".zh-CN." in path.name) is chinese and path.name not in made:
            text = path.read_text(encoding="utf-8")
            found[str(path.relative_to(ROOT))] = _terms_and_meanings(text) if "glossary" in path.name else text
    return found


def _terms_and_meanings(glossary: str) -> str:
    """Return a glossary without its columns of the other language and of words that are not used."""
    lines = [line.split(" | ") if line.startswith("| ") else [line] for line in glossary.split("\n")]
    return "\n".join(" | ".join(cells[::2]) for cells in lines)


def help_texts() -> dict[str, str]:
    """Return all that the programs say of their commands and options, by command."""
    from hanhua.cli import main, vocab_extension

    programs = {"hanhua": main.app, "vocab-extension": vocab_extension.app}
    return dict(entry for name, app in programs.items() for entry in _helps(name, typer.main.get_command(app)))


def _helps(name: str, command: Any) -> Iterator[tuple[str, str]]:
    options = [getattr(option, "help", None) or "" for option in command.params]
    yield name, "\n".join([command.help or "", command.epilog or "", *options])
    for inner, one in getattr(command, "commands", {}).items():
        yield from _helps(f"{name} {inner}", one)


def chinese_of_keys() -> dict[str, str]:
    """Return the Chinese of the configuration reference, by `Class.key`."""
    words = yaml.safe_load(KEYS_ZH.read_text(encoding="utf-8"))
    return {f"{name}.{key}": text for name, keys in words.items() for key, text in keys.items()}


def found_in(text: str, patterns: dict[str, re.Pattern[str]]) -> list[str]:
    """Return `line N: WORD in …` for every word found."""
    return [
        f"line {text.count(chr(10), 0, at.start()) + 1}: {word} in {text[max(0, at.start() - 25) : at.end() + 25]!r}"
        for word, pattern in patterns.items()
        for at in pattern.finditer(text)
    ]
