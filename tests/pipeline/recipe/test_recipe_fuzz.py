"""Whatever a file holds, loading it ends in a recipe or in a RecipeError: never in a traceback."""

from __future__ import annotations

import contextlib
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanhua.errors import RecipeError, UsageError
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes

SCRAPS = [
    "null", "~", "[]", "{}", "[[", "}", "- ", "? ", "&a", "*a", "!!python/object:os.system", "!!binary x",
    "!!timestamp x", "!!int x", "!!float x", "!!bool x", "<<: *a", "<<: {a: 1}", "2001-01-01", "0x1f", "1e400", ".nan",
    "-.inf", "yes", "'", '"', "|\n  x", ">\n", "%YAML 9.9\n", "---\n", "...\n", "\t", "\x00", "\u2028", "${env:PATH}",
    "${env:", "extends: quickstart\n", "extends: .\n", "corpora: {zh: null}\n", "a" * 3000, "[" * 400, "9" * 5000,
    "? [a]\n: b\n", "? {a: b}\n: c\n", "hf://datasets/", "hf://datasets/a@b:c", "..", "*", "**", "[!a",
    "\\", "~nobody",
]  # fmt: skip
WHOLE = [path.read_text(encoding="utf-8") for path in shipped_recipes().values()]


def mutated(text: str, dice: random.Random) -> str:
    """Return a recipe with a few things done to it that people, editors and disks do."""
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(text) + 1)
        lines = text.split("\n")
        which = dice.randrange(len(lines))
        kind = dice.randrange(7)
        if kind == 0:
            text = text[:at] + dice.choice(SCRAPS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + dice.randint(1, 30) :]
        elif kind == 2:
            text = text[:at]
        elif kind == 3:
            lines[which] = " " * dice.randrange(9) + lines[which].lstrip()
            text = "\n".join(lines)
        elif kind == 4:
            lines.insert(which, dice.choice(lines))
            text = "\n".join(lines)
        elif kind == 5 and ":" in lines[which]:
            lines[which] = lines[which].partition(":")[0] + ": " + dice.choice(SCRAPS)
            text = "\n".join(lines)
        else:
            text = text[:at] + chr(dice.randrange(1, 0xD7FF)) + text[at:]
    return text


def load(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        load_recipe(path)
    except RecipeError as error:
        assert error.mistakes and all(isinstance(line, str) and line for line in error.mistakes)


def fuzz(folder: Path, *, seed: int, tries: int = 1_000_000, seconds: float = 600) -> int:
    dice = random.Random(seed)
    deadline, count = time.monotonic() + seconds, 0
    while count < tries and time.monotonic() < deadline:
        text = mutated(dice.choice(WHOLE), dice)
        try:
            load(folder / "recipe.yaml", text.encode("utf-8", "surrogatepass"))
        except Exception as error:
            raise AssertionError(f"seed {seed}, try {count}: {error!r} from:\n{text}") from error
        count += 1
    return count


@pytest.mark.slow
def test_a_thousand_broken_recipes(tmp_path: Path) -> None:
    """A number of tries, not a time: the same recipes on every machine."""
    assert fuzz(tmp_path, seed=1, tries=1000) == 1000


@pytest.mark.soak
def test_five_minutes_of_broken_recipes(tmp_path: Path) -> None:
    seed = int(os.environ.get("HANHUA_FUZZ_SEED", "2"))
    print(f"{fuzz(tmp_path, seconds=300, seed=seed):,} recipes")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    load(tmp_path / "recipe.yaml", data)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(override=st.text(st.characters(exclude_characters="/"), max_size=40))  # a `/` would walk the whole disk
def test_any_option(override: str) -> None:
    options = [override, f"filtering.{override}", f"corpora.web.path={override}"]
    with contextlib.suppress(UsageError):
        load_recipe(shipped_recipes()["filter-only"], options)
