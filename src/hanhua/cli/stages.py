"""Stages by name, as given to command-line options."""

from __future__ import annotations

from typing import Any

import typer


def stage_named(name: str | None) -> Any:
    """Return a stage's name, or None for None; an unknown name is a usage error with a suggestion."""
    from hanhua.cli.printing import closest
    from hanhua.pipeline.stages import stage_names

    names = stage_names()
    if name is None or name in names:
        return name
    raise typer.BadParameter(f"no stage {name!r}{closest(name, names)}; stages: {', '.join(names)}")
