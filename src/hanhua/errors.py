"""The exceptions a user can meet, and the exit code each one ends a command with.

HanhuaError              1  a stage failed
├── InvariantError       1  something that must hold does not (a verify check, a hash)
├── UsageError           2  wrong usage: option, recipe, input
│   ├── RecipeError      2  mistakes in a recipe, each with line and column
│   ├── InputError       2  a file or corpus that cannot be used
│   └── MissingExtra     2  an optional dependency that is not installed
└── GateError            3  an evaluation gate of the recipe was not met
"""

from __future__ import annotations


class HanhuaError(Exception):
    """A stage failed. The message says what was found and what to do."""

    exit_code = 1


class InvariantError(HanhuaError):
    """Something that must hold does not."""


class UsageError(HanhuaError):
    """The command, recipe or input is wrong."""

    exit_code = 2


class RecipeError(UsageError):
    """One or more mistakes in a recipe; the message lists each with its place."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class InputError(UsageError):
    """A file, folder or corpus that cannot be used."""


class MissingExtra(UsageError):
    """A part that needs an optional dependency."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs optional packages: in a clone of Hanhua, pip install '.[{extra}]'")


class GateError(HanhuaError):
    """An evaluation gate of the recipe was not met."""

    exit_code = 3
