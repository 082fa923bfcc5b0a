"""What a GGUF file says of its model besides how it runs: license, languages, tags, bases and size, out of the card.

Source: the general keys of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; llama.cpp's own converter takes
them from README.md as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from gguf import GGUFWriter

CARD = "README.md"


def read_card(folder: Path) -> dict[str, Any]:
    """Return the metadata at the head of a folder's README.md; empty where there is none that can be read."""
    path = folder / CARD
    if not path.is_file():
        return {}
    parts = path.read_text(encoding="utf-8", errors="replace").split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return {}
    try:
        data = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return {}
    return data if isinstance(data, dict) else {}


def add_card_metadata(writer: GGUFWriter, card: dict[str, Any], *, shapes: Sequence[Sequence[int]]) -> None:
    """Write what a card says, and the size of a model; shapes: of its tensors, () for a vocabulary alone."""
    for key, add in (("license", writer.add_license), ("license_name", writer.add_license_name)):
        if isinstance(card.get(key), str):
            add(card[key])
    if languages := _texts(card.get("language")):
        writer.add_languages(languages)
    if tags := _texts(card.get("tags")):
        writer.add_tags(tags)
    bases = _texts(card.get("base_model"))
    if bases:
        writer.add_base_model_count(len(bases))
    for number, base in enumerate(bases):
        writer.add_base_model_name(number, base.rsplit("/", 1)[-1])
        if "/" in base:
            writer.add_base_model_repo_url(number, f"https://huggingface.co/{base}")
    if shapes:
        from gguf.utility import size_label

        parameters = sum(math.prod(shape) for shape in shapes)
        writer.add_size_label(size_label(parameters, 0, 0, 0))


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [str(one) for one in listed if isinstance(one, str) and one]
