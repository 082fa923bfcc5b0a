"""What else makes an instruct model: chat template, generation config, where it stops, pad, names of special tokens."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import InvariantError
from hanhua.progress import say
from hanhua.vocab_extension.chat_vector.models import Models
from hanhua.vocab_extension.export.special_ids import read_chat_template, read_special_ids
from hanhua.vocab_extension.extend import SETTINGS
from hanhua.vocab_extension.resize.resize import GENERATION_CONFIG, WEIGHT_SUFFIXES, suppress_ids
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, BpeFile, read_bpe_file

_TOKENS = ("bos_token", "eos_token", "pad_token")
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
_TEMPLATES = ("chat_template.jinja", "chat_template.json")
_MORE_TEMPLATES = "additional_chat_templates"


@dataclass(frozen=True)
class ChatSettings:
    """What was taken over. renamed: special tokens by their name before; ends: every id that stops an answer."""

    chat_template: bool
    ends: tuple[int, ...]
    pad: int | None
    renamed: dict[str, str]


def take_over(models: Models, out: Path) -> ChatSettings:
    """Write everything but weights into `out`: the adapted model's files with the instruct model's chat_settings.

    The vocabulary stays the adapted model's; a special token gets the instruct model's name. A pad that ends texts is
    left out: a model tuned with it would never learn to stop. Raises InvariantError if the result differs.
    """
    _copy_rest(models.adapted.place, out)
    renamed = _write_tokenizer(models, out)
    _write_tokenizer_settings(models, out)
    _write_model_settings(models, out)
    return _checked(models, out, renamed)


def _copy_rest(adapted: Path, out: Path) -> None:
    left_out = {"manifest.json", *SETTINGS, GENERATION_CONFIG, "config.json", TOKENIZER_JSON}
    for path in sorted(adapted.iterdir()):
        if path.is_file() and path.suffix not in WEIGHT_SUFFIXES and path.name not in left_out:
            shutil.copyfile(path, out / path.name)


def _write_tokenizer(models: Models, out: Path) -> dict[str, str]:
    ours = models.adapted.bpe
    names = {token["id"]: token["content"] for token in models.instruct.bpe.added}
    renamed = {t["content"]: names[t["id"]] for t in ours.added if names.get(t["id"], t["content"]) != t["content"]}
    if not renamed:
        shutil.copyfile(ours.place, out / TOKENIZER_JSON)
        return {}
    say(f"{len(renamed)} special tokens get the instruct model's names: {', '.join(list(renamed.values())[:4])}")
    text = json.dumps(_with_names(ours, renamed), ensure_ascii=False, separators=(",", ":"))
    (out / TOKENIZER_JSON).write_text(text, encoding="utf-8")
    return renamed


def _with_names(file: BpeFile, renamed: dict[str, str]) -> dict[str, Any]:
    added = [{**token, "content": renamed.get(token["content"], token["content"])} for token in file.added]
    vocab = {renamed.get(token, token): id_ for token, id_ in file.vocab.items()}
    return {**file.data, "added_tokens": added, "model": {**file.data["model"], "vocab": vocab}}


def _write_tokenizer_settings(models: Models, out: Path) -> None:
    ours, theirs = (_optional(one.place / "tokenizer_config.json") for one in (models.adapted, models.instruct))
    for key in (*_TOKENS, "chat_template", "added_tokens_decoder"):
        ours.pop(key, None)
        if key in theirs:
            ours[key] = theirs[key]
    write_json(out / "tokenizer_config.json", ours)
    if (models.instruct.place / "special_tokens_map.json").is_file():
        shutil.copyfile(models.instruct.place / "special_tokens_map.json", out / "special_tokens_map.json")
    for name in _TEMPLATES:
        if (models.instruct.place / name).is_file():
            shutil.copyfile(models.instruct.place / name, out / name)
    if (models.instruct.place / _MORE_TEMPLATES).is_dir():
        shutil.copytree(models.instruct.place / _MORE_TEMPLATES, out / _MORE_TEMPLATES)


def _write_model_settings(models: Models, out: Path) -> None:
    ours = dict(models.adapted.source.settings)
    for key in _IDS:
        ours.pop(key, None)
        if key in models.instruct.source.settings:
            ours[key] = models.instruct.source.settings[key]
    write_json(out / "config.json", ours)
    generation = _optional(models.instruct.place / GENERATION_CONFIG)
    if not generation:
        generation = {key: ours[key] for key in _IDS if ours.get(key) is not None}
    write_json(out / GENERATION_CONFIG, generation)
    padded = range(models.adapted.bpe.size, models.adapted.source.rows)
    if padded:
        suppress_ids(out / GENERATION_CONFIG, padded)


def _checked(models: Models, out: Path, renamed: dict[str, str]) -> ChatSettings:
    """Leave out a pad that ends texts, then compare what was written with the instruct model's own."""
    instruct = models.instruct
    theirs = read_special_ids(instruct.place, instruct.bpe)
    pad = theirs.pad
    if pad is not None and pad in theirs.ends:
        say(f"{instruct.place}: its pad ({pad}) ends a text; left out, so that tuning still teaches the model to stop")
        _drop_pad(out)
        pad = None
    ours = read_special_ids(out, read_bpe_file(out))
    template = read_chat_template(out)
    if (ours.bos, ours.ends, ours.pad) != (theirs.bos, theirs.ends, pad):
        raise InvariantError(f"{out}: begins, ends and pads by {ours}, and the instruct model by {theirs}")
    if template != read_chat_template(instruct.place):
        raise InvariantError(f"{out}: the chat template is not the instruct model's")
    if template is None:
        say(f"{instruct.place}: has no chat template, so the restored model has none")
    return ChatSettings(template is not None, ours.ends, ours.pad, renamed)


def _drop_pad(out: Path) -> None:
    for name, key in (
        ("tokenizer_config.json", "pad_token"),
        ("special_tokens_map.json", "pad_token"),
        ("config.json", "pad_token_id"),
        (GENERATION_CONFIG, "pad_token_id"),
    ):
        settings = _optional(out / name)
        if settings.pop(key, None) is not None:
            write_json(out / name, settings)


def _optional(path: Path) -> dict[str, Any]:
    return dict(read_json(path)) if path.is_file() else {}
