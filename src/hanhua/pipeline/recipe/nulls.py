"""`null` takes away: an entry of a table, a section, or a value that a parent recipe said; its default is back."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel

from hanhua.config_fields import type_members


def without_nulls(data: Any, config: type[BaseModel]) -> Any:
    """Return data without the nulls that no value of the schema can be; where null has a meaning of its own it stays.

    An unknown key keeps its null, so that it is told as unknown; so does a required key.
    """
    return _model_without(data, config) if isinstance(data, dict) else data


def _model_without(data: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    kept = {}
    for key, value in data.items():
        field = model.model_fields.get(key)
        if field is None:
            kept[key] = value
        elif value is not None:
            kept[key] = _value_without(value, field.annotation)
        elif field.is_required() or _allows_null(field.annotation):
            kept[key] = value
    return kept


def _value_without(value: Any, annotation: Any) -> Any:
    for member in type_members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel) and isinstance(value, dict):
            return _model_without(value, member)
        if get_origin(member) is dict and isinstance(value, dict):
            inner = get_args(member)[1]
            return {key: _value_without(one, inner) for key, one in value.items() if one is not None}
        if get_origin(member) in (tuple, list) and isinstance(value, list):
            return [_value_without(one, get_args(member)[0]) for one in value]
    return value


def _allows_null(annotation: Any) -> bool:
    return type(None) in type_members(annotation) or Any in type_members(annotation)
