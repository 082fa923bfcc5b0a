"""Every stage there is, in running order. Adding one is its folder, and one line here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points

from hanhua.errors import UsageError
from hanhua.stage import EVERYTHING, Stage, imported

DECLARATIONS = (
    "hanhua.filtering.declaration:STAGE",
    "hanhua.synthesis.declaration:STAGE",
    "hanhua.base.declaration:STAGE",
    "hanhua.vocab_extension.declaration:STAGE",
    "hanhua.vocab_extension.resize.declaration:STAGE",
    "hanhua.continued_pretrain.declaration:STAGE",
    "hanhua.vocab_extension.chat_vector.declaration:STAGE",
    "hanhua.eval.declaration:STAGE",
    "hanhua.release.declaration:STAGE",
    "hanhua.report.declaration:STAGE",
)
GROUP = "hanhua.stages"
"""Entry points under which another package brings stages of its own: `name = module:STAGE`."""

_registered: list[Stage] = []


def stages() -> tuple[Stage, ...]:
    """Return every stage in running order: ours, those of other packages, and those registered in this process.

    A stage of somebody else's runs as soon as what it reads is there, and before the stages that read everything.
    """
    ordered = list(_declared())
    for stage in (*_from_other_packages(), *_registered):
        ordered.insert(_place_of(stage, ordered), stage)
    return tuple(ordered)


def stage_named(name: str) -> Stage:
    """Return one stage. Raises UsageError for a name that no stage has."""
    for stage in stages():
        if stage.name == name:
            return stage
    raise UsageError(f"no stage {name!r}; stages: {', '.join(stage_names())}")


def stage_names() -> tuple[str, ...]:
    """Return the names of all stages in running order."""
    return tuple(stage.name for stage in stages())


def comes_before(first: str, second: str) -> bool:
    """Return whether a stage runs before another."""
    names = stage_names()
    return names.index(first) < names.index(second)


def kind_of(stage: str) -> str:
    """Return the kind of artifact a stage makes."""
    return stage_named(stage).makes


@contextmanager
def registered(stage: Stage) -> Iterator[Stage]:
    """Have one more stage inside the block: a recipe may have its section, and runs with it run it.

    Raises UsageError for a name that is taken or an artifact that another stage makes.
    """
    for other in stages():
        if other.name == stage.name or other.makes == stage.makes:
            raise UsageError(f"stage {stage.name!r}: {other.name!r}, which makes {other.makes!r}, is there already")
    _registered.append(stage)
    try:
        yield stage
    finally:
        _registered.remove(stage)


@cache
def _declared() -> tuple[Stage, ...]:
    return tuple(imported(reference) for reference in DECLARATIONS)


@cache
def _from_other_packages() -> tuple[Stage, ...]:
    return tuple(point.load() for point in sorted(entry_points(group=GROUP), key=lambda point: point.name))


def _place_of(stage: Stage, ordered: Sequence[Stage]) -> int:
    """Return where a stage belongs: behind the last that makes what it reads, and never behind the report."""
    last = next((number for number, other in enumerate(ordered) if other.inputs == EVERYTHING), len(ordered))
    if isinstance(stage.inputs, str):
        return last
    read = {kind for one in stage.inputs for kind in one.served_by}
    makers = [number for number, other in enumerate(ordered) if other.makes in read]
    return min(max(makers, default=-1) + 1, last)
