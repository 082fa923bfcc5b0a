"""A YAML file as a model of pydantic, with every mistake in it named."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from hanhua.errors import InputError
from hanhua.mistakes import mistakes_of

Parsed = TypeVar("Parsed", bound=BaseModel)


def read_yaml_as(model: type[Parsed], path: Path) -> Parsed:
    """Return what the file says. Raises InputError for a missing file, one that is no YAML, and one with mistakes."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as YAML ({error})") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}: " + "; ".join(map(str, mistakes_of(error, model, data)))) from None
