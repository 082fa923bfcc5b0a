"""What other programs need to know of a tokenizer before its merges: its pattern, its tokens by id."""

from __future__ import annotations

from typing import Any

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from hanhua.bits import byte_of_character
from hanhua.errors import InputError
from hanhua.llama_cpp_pre_tokenizers import GPT2_PATTERN
from hanhua.vocab_extension.tokenizer_json import BpeFile


def split_pattern(bpe: BpeFile) -> str:
    """Return the one regular expression that cuts texts, for a tokenizer that does nothing else to them.

    Raises InputError for a normalizer, for several steps, and for steps other than cutting and spelling in bytes.
    """
    if has_normalizer(bpe):
        raise InputError(f"{bpe.place}: has a normalizer; only a tokenizer that leaves texts as they are is exported")
    patterns = cutting_patterns(bpe)
    if len(patterns) != 1:
        raise InputError(f"{bpe.place}: cuts texts by {len(patterns)} patterns, one after another; expected one")
    return patterns[0]


def cutting_patterns(bpe: BpeFile) -> tuple[str, ...]:
    r"""Return the regular expressions that cut texts, in order; matches and what lies between are pieces alike.

    `Digits(individual_digits)` is `\p{N}`, and a `ByteLevel` with `use_regex` is GPT-2's pattern. Raises InputError for
    a step that is neither such a cut nor the spelling in bytes, and when nothing spells in bytes.
    """
    patterns: list[str] = []
    spelled = False
    for step in _steps(bpe):
        if spelled and _removes_only_missing_bytes(step, bpe):
            continue
        found = None if spelled else _pattern_of(step)
        if found is None:
            kinds = ", ".join(str(step.get("type")) for step in _steps(bpe))
            raise InputError(
                f"{bpe.place}: pre-tokenizer steps: {kinds}; expected isolating Splits by regular expressions, then "
                f"ByteLevel, and {step.get('type')} is another step here"
            )
        patterns += [found] if found else []
        spelled = step["type"] == "ByteLevel"
    if not spelled:
        raise InputError(f"{bpe.place}: no pre-tokenizer step spells texts in bytes (ByteLevel)")
    return tuple(patterns)


def has_normalizer(bpe: BpeFile) -> bool:
    """Whether texts are changed before they are cut; DeepSeek's empty sequence of normalizers changes nothing."""
    found = bpe.data.get("normalizer")
    return found is not None and found.get("normalizers") != []


def missing_bytes(bpe: BpeFile) -> frozenset[int]:
    """Return the bytes without a token; `tokenizers` leaves them out of a text."""
    return frozenset(range(256)) - {data[0] for data in bpe.bytes_of.values() if len(data) == 1}


def tokens_by_id(bpe: BpeFile) -> list[str]:
    """Return every entry as the vocabulary spells it, special tokens included, so that `tokens[id]` is the token.

    Raises InputError for ids without a token or with two.
    """
    names: dict[int, str] = {}
    entries = [*bpe.vocab.items(), *((token["content"], token["id"]) for token in bpe.added)]
    for name, id_ in entries:
        if names.setdefault(id_, name) != name:
            raise InputError(f"{bpe.place}: the id {id_:,} has two tokens, {names[id_]!r} and {name!r}")
    holes = sorted(set(range(bpe.size)) - names.keys())
    if holes:
        raise InputError(f"{bpe.place}: {len(holes):,} ids below {bpe.size:,} have no token, the first {holes[0]:,}")
    return [names[id_] for id_ in range(bpe.size)]


def _steps(bpe: BpeFile) -> list[dict[str, Any]]:
    section = bpe.data.get("pre_tokenizer") or {}
    return list(section.get("pretokenizers") or []) if section.get("type") == "Sequence" else [section]


def _pattern_of(step: dict[str, Any]) -> str | None:
    """Return the pattern a step cuts by, the empty one for spelling in bytes alone; None for any other step."""
    if step.get("type") == "Digits" and step.get("individual_digits"):
        return r"\p{N}"
    if step.get("type") == "ByteLevel" and not step.get("add_prefix_space"):
        return GPT2_PATTERN if step.get("use_regex", True) else ""
    if step.get("type") != "Split" or step.get("behavior") != "Isolated" or step.get("invert"):
        return None
    found: str | None = step.get("pattern", {}).get("Regex")
    return found


def _removes_only_missing_bytes(step: dict[str, Any], bpe: BpeFile) -> bool:
    """Return whether a step behind the spelling drops bytes without a token, which the model would drop as well."""
    pattern = step.get("pattern", {}).get("Regex")
    if step.get("type") != "Split" or step.get("behavior") != "Removed" or step.get("invert") or pattern is None:
        return False
    pieces = Split(Regex(pattern), "removed").pre_tokenize_str("".join(byte_of_character()))
    left = {character for piece, _ in pieces for character in piece}
    return {byte for character, byte in byte_of_character().items() if character not in left} <= missing_bytes(bpe)
