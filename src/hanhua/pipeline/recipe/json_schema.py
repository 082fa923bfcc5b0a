"""The recipe's JSON schema, for editors that check and complete YAML."""

from __future__ import annotations

from typing import Any

from hanhua.pipeline.recipe.schema import Recipe

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_json_schema() -> dict[str, Any]:
    """Return the schema of a recipe file: a whole recipe, or one that `extends` another and says only what differs."""
    schema = Recipe.model_json_schema()
    required = schema.pop("required", [])
    schema["properties"] = {
        "extends": {
            "type": "string",
            "description": "A recipe, by file or shipped name, whose values are the defaults",
        },
        **schema["properties"],
    }
    schema["anyOf"] = [{"required": ["extends"]}, {"required": required}]
    for definition in schema.get("$defs", {}).values():
        # A child recipe may leave out what its parent says.
        definition.pop("required", None)
    _allow_null_entries(schema)
    return {"$schema": DIALECT, **schema, "title": "Hanhua recipe"}


def _allow_null_entries(schema: Any) -> None:
    """Let an entry of a mapping with names of one's own be null, which takes an inherited one away."""
    if isinstance(schema, list):
        for item in schema:
            _allow_null_entries(item)
    elif isinstance(schema, dict):
        entries = schema.get("additionalProperties")
        if isinstance(entries, dict):
            schema["additionalProperties"] = {"anyOf": [entries, {"type": "null"}]}
        for value in schema.values():
            _allow_null_entries(value)
