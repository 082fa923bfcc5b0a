"""Checks across a recipe's values: sections that need one another, names and files that must exist."""

from __future__ import annotations

import difflib
from pathlib import Path

from hanhua.base.gguf import check_gguf
from hanhua.base.gguf.tokenizer_files import check_tokenizer_of
from hanhua.config_fields import path_mark, paths_in
from hanhua.continued_pretrain.hardware import find_hardware
from hanhua.documents.readers import HUB_PREFIX
from hanhua.errors import InputError, MissingExtra, UsageError
from hanhua.gguf_location import locate_gguf
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.recipe.source_positions import Tree


def check_consistency(recipe: Recipe, tree: Tree) -> None:
    """Note every mistake that involves several values, each at the place where it is best corrected."""
    _check_base(recipe, tree)
    _check_gguf(recipe, tree)
    _check_hardware(recipe, tree)
    _check_restore(recipe, tree)
    _check_release(recipe, tree)
    _check_corpora(recipe, tree)
    _check_names(recipe, tree)
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
        find_hardware(recipe.hardware.devices)
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


def _check_corpora(recipe: Recipe, tree: Tree) -> None:
    languages = {corpus.language for corpus in recipe.corpora.values()}
    extension = recipe.vocab_extension
    if extension is not None and extension.corpora is None and "zh" not in languages:
        tree.wrong(("corpora",), "vocab_extension learns from corpora of language zh, and there is none")
    gates = recipe.eval.gates if recipe.eval is not None else None
    if gates is not None and gates.max_english_loss is not None and "en" not in languages:
        tree.wrong(("eval", "gates", "max_english_loss"), "needs a corpus of language en, to measure the loss on")
    if recipe.continued_pretrain is not None and not any(corpus.weight for corpus in recipe.corpora.values()):
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


def _check_files(recipe: Recipe, tree: Tree) -> None:
    """Refuse paths that do not exist before anything runs."""
    for name, corpus in recipe.corpora.items():
        try:
            corpus.sources()
        except (InputError, OSError) as error:
            tree.wrong(("corpora", name, "path"), str(error))
    for at, value in paths_in(recipe):
        mark = path_mark(type(recipe), at, value)
        if at[0] == "corpora" or value.startswith(HUB_PREFIX) or Path(value).exists():
            continue
        if mark is not None and mark.may_be_hub and not Path(value).is_absolute():
            continue  # a Hub repository, or a name that the stage knows
        tree.wrong(at, f"{value}: no such file or folder")
