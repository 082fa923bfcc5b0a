"""What other programs need to know of a tokenizer before its merges: its pattern, its tokens by id."""

from __future__ import annotations

from typing import Any

from hanhua.errors import InputError
from hanhua.vocab_extension.tokenizer_json import BpeFile


def split_pattern(bpe: BpeFile) -> str:
    """Return the regular expression that cuts texts, for a tokenizer that does nothing else to them.

    Raises InputError for a normalizer, or for steps other than one isolating Split and a ByteLevel that spells.
    """
    if bpe.data.get("normalizer") is not None:
        raise InputError(f"{bpe.place}: has a normalizer; only a tokenizer that leaves texts as they are is exported")
    steps = (bpe.data.get("pre_tokenizer") or {}).get("pretokenizers") or []
    pattern = _isolating_pattern(steps[0]) if len(steps) == 2 and _only_spells(steps[1]) else None
    if pattern is None:
        kinds = ", ".join(str(step.get("type")) for step in steps) or "none"
        raise InputError(
            f"{bpe.place}: pre-tokenizer steps: {kinds}; expected one isolating Split by a regular expression, "
            "then ByteLevel, as the Llama 3 family has"
        )
    return pattern


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


def _isolating_pattern(step: dict[str, Any]) -> str | None:
    if step.get("type") != "Split" or step.get("behavior") != "Isolated" or step.get("invert"):
        return None
    found: str | None = step.get("pattern", {}).get("Regex")
    return found


def _only_spells(step: dict[str, Any]) -> bool:
    return step.get("type") == "ByteLevel" and not step.get("use_regex") and not step.get("add_prefix_space")
