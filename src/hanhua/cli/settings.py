"""A stage's config from options alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

    Config = TypeVar("Config", bound=BaseModel)


def config_of_options(config: type[Config], given: Mapping[str, Any]) -> Config:
    """Return the typed config; UsageError lists every mistake. given: values by the keys of the config."""
    from pydantic import ValidationError

    from hanhua.errors import UsageError
    from hanhua.mistakes import mistakes_of

    try:
        return config.model_validate(dict(given))
    except ValidationError as error:
        raise UsageError("\n".join(map(str, mistakes_of(error, config, dict(given))))) from None
