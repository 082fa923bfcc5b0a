"""Checks across a recipe's values: sections that need one another, names and files that must exist."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from hanhua.base.gguf import check_gguf
from hanhua.base.gguf.tokenizer_files import check_tokenizer_of
from hanhua.config_fields import At, path_mark, paths_in
from hanhua.documents.readers import is_remote
from hanhua.errors import InputError, MissingExtra, UsageError
from hanhua.eval.tasks.definition import load_task
from hanhua.eval.tasks.lm_eval_tasks import harness_name
from hanhua.gguf_location import is_gguf_name, locate_gguf
from hanhua.hub_names import is_hub_id
from hanhua.model_scope import is_modelscope
from hanhua.packaged_tokenizers import PACKAGED
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.recipe.source_positions import Tree
from hanhua.pipeline.recipe.synthesis_section import check_forms, check_teacher

IsSure = Callable[[At], bool]


def check_consistency(recipe: Recipe, tree: Tree, *, is_sure: IsSure = lambda at: True) -> None:
    """Note every mistake that involves several values, each at the place where it is best corrected.

    is_sure: whether the values at a place are as they were written; nothing is concluded from those that are not.
    """
    if is_sure(("base",)):
        _check_base(recipe, tree)
        _check_place_of_base(recipe, tree)
        _check_gguf(recipe, tree)
        check_teacher(recipe, tree)
    _check_hardware(recipe, tree)
    if is_sure(("continued_pretrain",)) and is_sure(("release", "kind")):
        _check_restore(recipe, tree)
        if is_sure(("continued_pretrain", "lora")) and is_sure(("vocab_extension",)):
            _check_release(recipe, tree)
    _check_corpora(recipe, tree, is_sure)
    if is_sure(("corpora",)):
        _check_names(recipe, tree)
        if is_sure(("synthesis",)):
            check_forms(recipe, tree)
    _check_tasks(recipe, tree)
    _check_files(recipe, tree)


def _check_base(recipe: Recipe, tree: Tree) -> None:
    trained = [name for name in ("continued_pretrain", "eval") if getattr(recipe, name) is not None]
    needing = [*(["vocab_extension"] if recipe.vocab_extension is not None else []), *trained]
    if recipe.base is None:
        for section in needing[:1]:
            tree.wrong((section,), "needs a base: say `base: {model: …}` with a folder or Hub id")
    elif trained and not recipe.base.has_model:
        tree.wrong(
            ("base",),
            f"give either `model` (a folder or Hub id) or `toy`: {trained[0]} needs weights, not a tokenizer",
        )


def _check_place_of_base(recipe: Recipe, tree: Tree) -> None:
    """Refuse a name that is neither a folder here nor has the form of a Hub id."""
    if recipe.base is None or recipe.base.toy is not None:
        return
    field = "model" if recipe.base.model is not None else "tokenizer"
    name = str(getattr(recipe.base, field))
    known = field == "tokenizer" and name in PACKAGED
    if (
        known
        or Path(name).exists()
        or is_hub_id(name)
        or is_modelscope(name)
        or is_gguf_name(name)
        or Path(name).is_absolute()
    ):
        return
    more = "" if field == "model" else f", or one of {', '.join(PACKAGED)}"
    tree.wrong(
        ("base", field),
        f"{name}: no such folder here, and no Hub id, which is OWNER/NAME (ms://OWNER/NAME on ModelScope){more}",
    )


def _check_gguf(recipe: Recipe, tree: Tree) -> None:
    """Refuse a GGUF file that cannot be converted, or a package that is not installed."""
    if recipe.base is None:
        return
    field = "tokenizer" if recipe.base.model is None else "model"
    name = str(getattr(recipe.base, field))
    if Path(name).is_dir():
        return
    try:
        file = locate_gguf(name)
        if file is not None:
            (check_gguf if field == "model" else check_tokenizer_of)(file)
    except (InputError, MissingExtra) as error:
        tree.wrong(("base", field), str(error))


def _check_hardware(recipe: Recipe, tree: Tree) -> None:
    try:
        recipe.hardware.machine()
    except UsageError as error:
        tree.wrong(("hardware", "devices"), str(error))


def _check_restore(recipe: Recipe, tree: Tree) -> None:
    if recipe.chat_vector is None:
        return
    if recipe.continued_pretrain is None:
        tree.wrong(("chat_vector",), "needs continued_pretrain: there is no adapted model to restore")
    elif recipe.base is not None and recipe.base.toy is not None:
        tree.wrong(("chat_vector",), "needs base.model: no instruct model was made of a toy model")
    if recipe.release is not None and recipe.release.kind != "model":
        tree.wrong(("release", "kind"), f"{recipe.release.kind}: a restored model is released whole, with kind: model")


def _check_release(recipe: Recipe, tree: Tree) -> None:
    release, training = recipe.release, recipe.continued_pretrain
    if training is not None and not training.merge:
        tree.wrong(
            ("continued_pretrain", "merge"),
            "a run goes on with the merged model, so it is always written; for an adapter alone use hanhua train",
        )
    if release is None:
        return
    if release.kind == "tokenizer":
        if recipe.vocab_extension is None:
            tree.wrong(("release",), "kind: tokenizer needs vocab_extension: there is no new tokenizer to release")
    elif training is None:
        tree.wrong(("release",), "needs continued_pretrain: there is no adapted model to release")
    elif release.kind == "adapter" and training.lora is None:
        tree.wrong(
            ("release",), "kind: adapter needs continued_pretrain.lora: all weights are trained, so release kind: model"
        )


def _check_corpora(recipe: Recipe, tree: Tree, is_sure: IsSure) -> None:
    languages = {corpus.language for corpus in recipe.corpora.values()}
    extension, weighed = recipe.vocab_extension, is_sure(("corpora", "*", "weight"))
    if not is_sure(("corpora", "*", "language")):
        languages |= {"zh", "en"}
    if extension is not None and extension.corpora is None and "zh" not in languages:
        tree.wrong(("corpora",), "vocab_extension learns from corpora of language zh, and there is none")
    gates = recipe.eval.gates if recipe.eval is not None else None
    if gates is not None and gates.max_english_loss is not None and "en" not in languages:
        tree.wrong(("eval", "gates", "max_english_loss"), "needs a corpus of language en, to measure the loss on")
    if (
        weighed
        and recipe.continued_pretrain is not None
        and not any(corpus.weight for corpus in recipe.corpora.values())
    ):
        tree.wrong(("corpora",), "all weights are 0, so there is nothing to train on")


def _check_names(recipe: Recipe, tree: Tree) -> None:
    """Refuse sections that name a corpus the recipe does not have."""
    for section in ("vocab_extension", "continued_pretrain"):
        config = getattr(recipe, section)
        for field in ("corpora", "weights", "max_characters", "chat_corpora"):
            for name in getattr(config, field, None) or ():
                if name not in recipe.corpora:
                    near = difflib.get_close_matches(name, recipe.corpora, n=1)
                    hint = f"did you mean {near[0]}?" if near else f"corpora: {', '.join(recipe.corpora)}"
                    tree.wrong((section, field, name), f"no corpus {name!r} ({hint})")
    _check_retention(recipe, tree)


def _check_retention(recipe: Recipe, tree: Tree) -> None:
    retention = recipe.continued_pretrain.retention if recipe.continued_pretrain is not None else None
    if retention is None:
        return
    replayed = retention.replay.corpora if retention.replay is not None else ()
    for at, names in {("heldout",): retention.heldout, ("replay", "corpora"): replayed}.items():
        for name in sorted(set(names) - set(recipe.corpora)):
            place = ("continued_pretrain", "retention", *at)
            tree.wrong(place, f"no corpus {name!r} (corpora: {', '.join(recipe.corpora)})")


def _check_tasks(recipe: Recipe, tree: Tree) -> None:
    """Refuse benchmarks of tasks that are not there, and files of tasks with mistakes in them."""
    for number, benchmark in enumerate(recipe.eval.benchmarks if recipe.eval is not None else ()):
        at = ("eval", "benchmarks", str(number), "task")
        if Path(benchmark.task).is_absolute() and not Path(benchmark.task).exists():
            continue  # told as a file
        try:
            if harness_name(benchmark.task) is None:
                load_task(benchmark.task)
        except UsageError as error:
            tree.wrong(at, str(error))


def _check_files(recipe: Recipe, tree: Tree) -> None:
    """Refuse paths that do not exist before anything runs."""
    for name, corpus in recipe.corpora.items():
        try:
            corpus.sources()
        except (InputError, OSError) as error:
            tree.wrong(("corpora", name, "path"), str(error))
    for at, value in paths_in(recipe):
        mark = path_mark(type(recipe), at, value)
        if at[0] == "corpora" or is_remote(value) or Path(value).exists():
            continue
        if mark is not None and mark.may_be_hub and not Path(value).is_absolute():
            continue  # a Hub repository, or a name that the stage knows
        tree.wrong(at, f"{value}: no such file or folder")
