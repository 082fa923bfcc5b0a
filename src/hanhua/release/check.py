"""Whether a release folder is what it should be: it loads, and what must travel from the base unchanged did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import files_below, read_json
from hanhua.errors import InvariantError
from hanhua.release.card_check import wrong_card
from hanhua.release.contents import ADAPTER_FILE, BASE_FOLDER
from hanhua.release.weights import read_tensors
from hanhua.weights import StoredTensor, read_header

TEXT_ENDINGS = (".json", ".md", ".csv", ".txt", ".jinja", "")
UNCHANGED_CONFIG = ("rope_parameters", "eos_token_id", "bos_token_id", "tie_word_embeddings", "max_position_embeddings")
UNCHANGED_GENERATION = ("eos_token_id", "bos_token_id")
UNCHANGED_TOKENIZER = ("bos_token_id", "eos_token_id", "chat_template")


def check_release(release: Path, *, kind: str, base: Path, private_paths: Iterable[Path]) -> None:
    """Raise InvariantError that lists everything wrong with a release folder.

    kind: model, adapter or tokenizer. base: the base's folder. private_paths: folders of this machine no published
    text may name. Weights are checked by their headers, against the base's: same tensors, types and shapes but for
    the vocabulary's rows.
    """
    wrong = [*_wrong_tokenizer(release, base), *_named_folders(release, private_paths), *wrong_card(release)]
    model = release if kind == "model" else release / BASE_FOLDER
    if (model / "config.json").is_file():
        wrong += [*_wrong_weights(read_tensors(model), read_tensors(base)), *_wrong_settings(model, base)]
    if kind == "adapter":
        wrong += _wrong_adapter(release)
    if wrong:
        raise InvariantError(f"{release}: not fit to release:\n  " + "\n  ".join(wrong))


def _wrong_adapter(release: Path) -> Iterable[str]:
    named = read_json(release / "hanhua.json")
    found = len(read_header(release / ADAPTER_FILE)[0])
    if found != named["tensors"]:
        yield f"{ADAPTER_FILE}: {found} tensors, where {named['tensors']} were trained"


def _wrong_tokenizer(release: Path, base: Path) -> Iterable[str]:
    from transformers import AutoTokenizer

    tokenizer, base_tokenizer = (AutoTokenizer.from_pretrained(folder) for folder in (release, base))
    for key in UNCHANGED_TOKENIZER:
        yield from _changed("tokenizer", key, getattr(base_tokenizer, key), getattr(tokenizer, key))
    pad = tokenizer.pad_token_id
    # A base may pad so itself; what trains here makes no use of padding.
    if pad is not None and pad == tokenizer.eos_token_id and pad != base_tokenizer.pad_token_id:
        yield f"tokenizer: pad is {pad}, which ends a text; a model trained so never stops"


def _wrong_weights(ours: Mapping[str, StoredTensor], base: Mapping[str, StoredTensor]) -> Iterable[str]:
    missing, extra = sorted(base.keys() - ours.keys()), sorted(ours.keys() - base.keys())
    if missing or extra:
        yield f"weights: {len(missing)} missing {missing[:3]}, {len(extra)} the base has not {extra[:3]}"
    for name in sorted(base.keys() & ours.keys()):
        old, new = base[name], ours[name]
        rows_may_grow = name.endswith(("embed_tokens.weight", "lm_head.weight")) and new.shape[0] >= old.shape[0]
        same = new.shape[1:] == old.shape[1:] if rows_may_grow else new.shape == old.shape
        if not same:
            yield f"weights: {name} has the shape {list(new.shape)}, the base's {list(old.shape)}"
        if new.dtype != old.dtype:
            yield f"weights: {name} is {new.dtype}, the base's {old.dtype}"


def _wrong_settings(release: Path, base: Path) -> Iterable[str]:
    from transformers import AutoConfig, AutoTokenizer

    config, base_config = (AutoConfig.from_pretrained(folder) for folder in (release, base))
    for key in UNCHANGED_CONFIG:
        yield from _changed("config.json", key, getattr(base_config, key, None), getattr(config, key, None))
    generation, base_generation = (_generation(folder) for folder in (release, base))
    for key in UNCHANGED_GENERATION:
        yield from _changed("generation_config.json", key, base_generation.get(key), generation.get(key))
    tokenizer = AutoTokenizer.from_pretrained(release)
    if len(tokenizer) > config.vocab_size:
        yield f"tokenizer: {len(tokenizer):,} ids, but the model has {config.vocab_size:,} rows"
    rows = read_tensors(release)["model.embed_tokens.weight"].shape[0]
    if rows != config.vocab_size:
        yield f"weights: {rows:,} embedding rows, but config.json says {config.vocab_size:,}"
    ends = {tokenizer.eos_token_id, *_ids(config.eos_token_id), *_ids(generation.get("eos_token_id"))}
    pads = {"tokenizer": tokenizer.pad_token_id, "config.json": config.pad_token_id}
    pads["generation_config.json"] = generation.get("pad_token_id")
    for where, pad in pads.items():
        if pad is not None and pad in ends and pad != base_config.pad_token_id:
            yield f"{where}: pad is {pad}, which ends a text; a model trained so never stops"


def _changed(where: str, key: str, old: Any, new: Any) -> Iterable[str]:
    if old != new:
        shown = [text if len(text) <= 60 else text[:57] + "…" for text in (repr(old), repr(new))]
        yield f"{where}: {key} was {shown[0]} in the base and is {shown[1]}"


def _generation(folder: Path) -> Mapping[str, Any]:
    path = folder / "generation_config.json"
    return read_json(path) if path.is_file() else {}


def _ids(value: int | list[int] | None) -> list[int]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _named_folders(release: Path, private_paths: Iterable[Path]) -> Iterable[str]:
    private = sorted({str(path.resolve()) for path in private_paths})
    for file in files_below(release):
        name = file.relative_to(release).as_posix()
        if file.suffix in TEXT_ENDINGS and name != "tokenizer.json" and not name.startswith(("logs/", "work/")):
            text = file.read_text(encoding="utf-8", errors="replace")
            for folder in private:
                if folder in text:
                    yield f"{name}: names {folder}, a folder of this machine"
