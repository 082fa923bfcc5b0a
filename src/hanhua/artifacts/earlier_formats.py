"""Artifacts of earlier versions, read as of today: their keys held code and versions, and some names were others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanhua.renamed import SECTIONS, with_names_of_today

_FACTS = {"stand_in": "toy", "manners": "chat_settings", "kinship": "base_check"}


def earlier_names(stage: str) -> tuple[str, ...]:
    """Return the folders in which a stage's artifacts may lie: its name, and what it was called before."""
    return (stage, *(old for old, new in SECTIONS.items() if new == stage))


def as_today(material: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key material of an artifact in the form of `wanted`, today's material of the same stage.

    Material of today is returned as it is. In that of the first format code and versions are left out, settings
    that no longer count (how a stage is run) too, and what it did not know is taken to be off.
    """
    if "skills" not in material:
        return dict(material)
    stage = SECTIONS.get(material["stage"], material["stage"])
    config, now = with_names_of_today(material["config"], (stage,)), wanted.get("config", {})
    return {
        "stage": stage,
        "output_version": 1,
        "config": _in_the_form_of(now, config),
        "inputs": material.get("inputs", {}),
        "corpora": material.get("corpora", {}),
        "services": {**wanted.get("services", {}), **_known(material.get("skills", {}))},
    }


def _known(services: Mapping[str, str]) -> dict[str, str]:
    # This one's fingerprint held source code, as none does today.
    return {name: value for name, value in services.items() if name != "contamination"}


def _in_the_form_of(now: Any, old: Any) -> Any:
    """Return old settings without those that are no longer known, and with those off that were not known yet."""
    if not isinstance(now, dict) or not isinstance(old, dict):
        return old
    kept = {key: _in_the_form_of(now[key], value) for key, value in old.items() if key in now}
    return {**{key: value for key, value in now.items() if not value}, **kept}


def config_as_today(stage: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config a manifest shows, by present names."""
    data: dict[str, Any] = with_names_of_today(dict(config), (stage,))
    return data


def facts_as_today(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return an artifact's facts by their present names."""
    return {_FACTS.get(key, key): value for key, value in facts.items()}
