"""What a stage says of itself, so that everything else can loop over stages and list none of them.

A stage is a folder with a module `declaration`, which holds one `Stage` named STAGE and imports no torch. Its function

    function(config, inputs, out, *, services) -> facts

reads finished artifacts (`inputs`, by kind), writes files below `out`, and returns what is worth knowing as plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from pydantic import BaseModel

from hanhua.documents.sources import CorpusConfig

EVERYTHING = "*"


class RecipeView(Protocol):
    """What a stage may read of a recipe when it derives its own config."""

    @property
    def name(self) -> str:
        """The run's name."""

    @property
    def corpora(self) -> Mapping[str, CorpusConfig]:
        """The corpora, by name."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Every stage there is, in running order."""

    def section(self, name: str) -> Any:
        """Return the section of a stage, None where the recipe has none."""

    def published(self) -> dict[str, Any]:
        """Return what the recipe says as plain data, as it may be shown and published."""


@dataclass(frozen=True)
class Input:
    """An artifact a stage reads.

    name: what the stage calls it. kinds: the kinds that can serve, the first one present does; by default the kind
    called like the input. when: of the stage's config, whether it is wanted at all.
    """

    name: str
    kinds: tuple[str, ...] = ()
    optional: bool = False
    when: Callable[[Any], bool] | None = None

    @property
    def served_by(self) -> tuple[str, ...]:
        """The kinds that can serve, the preferred one first."""
        return self.kinds or (self.name,)


@dataclass(frozen=True)
class Stage:
    """One stage.

    name: of its folder of artifacts and of its section in a recipe. makes: the kind of its artifact. section: what the
    recipe may say. function: `module:name`, imported when it runs. output_version: raised by whoever changes the
    function so that the same inputs give another output; it is part of every key. inputs: what it reads;
    `EVERYTHING` for all there is. services: names of what it is passed (`hanhua.services`). libraries: distributions
    whose versions are recorded. configure: makes the config out of the whole recipe, None where the stage is not
    wanted; by default the config is the section. headline: `module:name` of a function that returns, of the
    artifact's facts, the rows it adds to a run's table.
    """

    name: str
    makes: str
    section: type[BaseModel]
    function: str
    output_version: int
    inputs: tuple[Input, ...] | str = ()
    services: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    reads_corpora: bool = False
    configure: Callable[[RecipeView], BaseModel | None] | None = None
    headline: str = ""

    def config_of(self, recipe: RecipeView) -> BaseModel | None:
        """Return what the stage is to do for a recipe; None where it has nothing to do."""
        if self.configure is not None:
            return self.configure(recipe)
        config: BaseModel | None = recipe.section(self.name)
        return config

    def resolve(self) -> Callable[..., Mapping[str, Any]]:
        """Import the stage's function."""
        function: Callable[..., Mapping[str, Any]] = imported(self.function)
        return function

    def sources_of(self, config: BaseModel, made: Mapping[str, str]) -> dict[str, str]:
        """Return, by the name of each input, the stage that makes it.

        made: kind → stage, of the stages that come before. Raises LookupError for an input that nobody makes.
        """
        if isinstance(self.inputs, str):
            return dict(made)
        found = {}
        for one in self.inputs:
            if one.when is not None and not one.when(config):
                continue
            source = next((made[kind] for kind in one.served_by if kind in made), None)
            if source is not None:
                found[one.name] = source
            elif not one.optional:
                raise LookupError(f"{self.name} reads {' or '.join(one.served_by)}, which no stage makes here")
        return found


def imported(reference: str) -> Any:
    """Return what `module:name` names."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
