"""Checks of a recipe's section `synthesis` against the rest: its teacher may teach the student, its forms are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hanhua.errors import InputError, UsageError
from hanhua.mistakes import nearest
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.recipe.source_positions import Tree
from hanhua.synthesis.licenses.verdicts import judge_teacher
from hanhua.synthesis.settings import SynthesisConfig


def check_teacher(recipe: Recipe, tree: Tree) -> None:
    """Refuse a teacher whose license forbids the student, or is not known; a toy model is handed to nobody."""
    if recipe.synthesis is None or recipe.base is None or recipe.base.toy is not None:
        return
    family = recipe.release.base_family if recipe.release is not None else None
    student = f"llama-{family}" if family is not None else str(recipe.base.model or recipe.base.tokenizer)
    teacher = recipe.synthesis.teacher
    verdict = judge_teacher(teacher.model, student=student, license_name=teacher.license or None)
    if not verdict.allowed:
        tree.wrong(("synthesis", "teacher", "model"), verdict.reason)


def check_forms(recipe: Recipe, tree: Tree) -> None:
    """Note forms that do not exist or whose files have mistakes, and seeds that no form takes."""
    config = recipe.synthesis
    if config is None or (config.form_folder is not None and not Path(config.form_folder).is_dir()):
        return  # that a folder is missing is told at its place
    try:
        languages = sorted({form.language for form in config.load_forms()})
    except (InputError, UsageError) as error:
        tree.wrong(("synthesis", "forms"), str(error))
        return
    unknown = [name for name in config.seeds.corpora or () if name not in recipe.corpora]
    for name in unknown:
        near = nearest(name, list(recipe.corpora))
        hint = f"did you mean {near}?" if near else f"corpora: {', '.join(recipe.corpora)}"
        tree.wrong(("synthesis", "seeds", "corpora"), f"no corpus {name!r} ({hint})")
    if not unknown:
        _check_languages(recipe, config, languages, tree)


def _check_languages(recipe: Recipe, config: SynthesisConfig, languages: Sequence[str], tree: Tree) -> None:
    there = {recipe.corpora[name].language for name in config.seeds.corpora or recipe.corpora}
    if there and not there & set(languages):
        tree.wrong(
            ("synthesis", "forms"),
            f"these take texts of language {' or '.join(languages)}, and the corpora that seeds are taken of are "
            f"{', '.join(sorted(there))}: name other forms, or other corpora under seeds.corpora",
        )
