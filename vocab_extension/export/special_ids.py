"""Which ids begin and end a text, and where generation stops, out of a folder's settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError
from hanhua.vocab_extension.tokenizer_json import BpeFile, load_tokenizer


@dataclass(frozen=True)
class SpecialIds:
    """ends: every id that stops generation, `eos` first. add_bos, add_eos: what encoding a text puts around it."""

    bos: int
    eos: int
    pad: int | None
    ends: tuple[int, ...]
    add_bos: bool
    add_eos: bool


def read_special_ids(folder: Path, bpe: BpeFile) -> SpecialIds:
    """Read the ids by the tokenizer's settings first, then by `generation_config.json` and `config.json`.

    Raises InputError when no bos or eos is named anywhere: other programs would put ids of their own.
    """
    settings = _optional(folder / "special_tokens_map.json") | _optional(folder / "tokenizer_config.json")
    model = _optional(folder / "config.json") | _optional(folder / "generation_config.json")
    named = {token["content"]: int(token["id"]) for token in bpe.added}
    listed = _as_list(model.get("eos_token_id"))
    bos, eos, pad = (_named(settings, kind, {**bpe.vocab, **named}) for kind in ("bos", "eos", "pad"))
    bos = bos if bos is not None else next(iter(_as_list(model.get("bos_token_id"))), None)
    eos = eos if eos is not None else next(iter(listed), None)
    pad = pad if pad is not None else next(iter(_as_list(model.get("pad_token_id"))), None)
    if bos is None or eos is None:
        missing = " and ".join(name for name, id_ in (("bos", bos), ("eos", eos)) if id_ is None)
        raise InputError(
            f"{folder}: no {missing} token is named in tokenizer_config.json, generation_config.json or config.json"
        )
    ends = tuple(dict.fromkeys([eos, *listed]))
    outside = [id_ for id_ in (bos, *ends, *([] if pad is None else [pad])) if id_ >= bpe.size]
    if outside:
        raise InputError(
            f"{folder}: the settings name the id {outside[0]:,}, and the tokenizer has {bpe.size:,} tokens"
        )
    add_bos, add_eos = _added(bpe, bos, eos)
    return SpecialIds(bos, eos, pad, ends, add_bos, add_eos)


def read_chat_template(folder: Path) -> str | None:
    """Return the chat template, the one named `default` where there are several; None without any."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    found = _optional(folder / "chat_template.json").get("chat_template")
    found = found or _optional(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(found, list):
        found = next((entry.get("template") for entry in found if entry.get("name") == "default"), None)
    return found or None


def _optional(place: Path) -> dict[str, Any]:
    return dict(read_json(place)) if place.is_file() else {}


def _named(settings: dict[str, Any], kind: str, ids: dict[str, int]) -> int | None:
    token = settings.get(f"{kind}_token")
    return ids.get(token["content"] if isinstance(token, dict) else token) if token else None


def _as_list(ids: Any) -> list[int]:
    return [id_ for id_ in (ids if isinstance(ids, list) else [ids]) if isinstance(id_, int) and id_ >= 0]


def _added(bpe: BpeFile, bos: int, eos: int) -> tuple[bool, bool]:
    tokenizer = load_tokenizer(bpe.data)
    ids = tokenizer.encode("a").ids
    return ids[0] == bos, ids[-1] == eos
