"""A stage's settings from a YAML file, for the commands that run one stage without a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

    Config = TypeVar("Config", bound=BaseModel)


def read_settings(path: Path | None, *, section: str) -> dict[str, Any]:
    """Return the settings of a file: the keys of a recipe's section, or a whole recipe that has it."""
    if path is None:
        return {}
    import yaml

    from hanhua.errors import InputError

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as YAML ({error})") from None
    if isinstance(data, dict) and isinstance(data.get(section), dict):
        data = data[section]
    if not isinstance(data, dict):
        raise InputError(f"{path}: a {type(data).__name__}, where the keys of a recipe's `{section}:` section belong")
    return data


def validated(config: type[Config], data: dict[str, Any]) -> Config:
    """Return the typed config; UsageError lists every mistake."""
    from pydantic import ValidationError

    from hanhua.errors import UsageError
    from hanhua.mistakes import mistakes_of

    try:
        return config.model_validate(data)
    except ValidationError as error:
        raise UsageError("\n".join(mistakes_of(error, config))) from None
