"""The size of a base model, from what is here: a folder's config.json, a GGUF file's metadata, or a known name."""

from __future__ import annotations

from pathlib import Path

from hanhua.artifacts.files import read_json
from hanhua.base.gguf import check_gguf
from hanhua.continued_pretrain.model_shapes import ModelShape, known_shape
from hanhua.gguf_location import locate_gguf
from hanhua.release.job import without_revision


def shape_of_base(model: str) -> ModelShape | None:
    """Return a base model's shape, or None where only its download would tell; reads no weights.

    Raises InputError for a GGUF file that cannot be used.
    """
    settings = Path(model) / "config.json"
    if settings.is_file():
        return ModelShape.from_config(read_json(settings))
    file = None if Path(model).is_dir() else locate_gguf(model)
    if file is not None:
        return ModelShape.from_config(check_gguf(file).config)
    return known_shape(without_revision(model))
