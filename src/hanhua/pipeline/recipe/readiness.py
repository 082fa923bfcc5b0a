"""What a run would only find out later, found by `hanhua validate`: files that cannot be read, a GPU that is too small.

Each looks at the disk or computes the estimate, and reads no more than the first record of a file. No torch.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hanhua.documents.readers import read_fields
from hanhua.errors import HanhuaError, InputError
from hanhua.model_folder import check_sizes, load_tokenizer
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.recipe.source_positions import Tree
from hanhua.weights import weight_files


def check_base_folder(recipe: Recipe, tree: Tree) -> None:
    """Refuse a base folder without weights, tokenizer or configuration, or one that an extension cannot build on."""
    model = recipe.base.model if recipe.base is not None else None
    if model is None or not Path(model).is_dir():
        return
    folder, at = Path(model), ("base", "model")
    try:
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            if not (folder / name).is_file():
                raise InputError(f"{folder}: no {name}; a base is a Hugging Face folder with weights and tokenizer")
        weight_files(folder)
        rows = check_sizes(folder, first_new_id=None)
        tokens = max(load_tokenizer(folder).get_vocab(with_added_tokens=True).values()) + 1
        if recipe.vocab_extension is not None and tokens != rows:
            raise InputError(
                f"{folder}: {rows:,} vocabulary rows for {tokens:,} tokens: its rows are padded, and new tokens would "
                f"take the padding's ids; cut the embedding and output matrices to {tokens:,} rows, with vocab_size "
                "in config.json, or leave vocab_extension out"
            )
    except (HanhuaError, OSError, ValueError, KeyError) as error:
        tree.wrong(at, str(error))


def check_corpora(recipe: Recipe, tree: Tree) -> None:
    """Refuse a corpus of which a file cannot be opened, or whose first record has no text."""
    for name, corpus in recipe.corpora.items():
        at = ("corpora", name, "path")
        try:
            files = corpus.files()
            for path in files:
                with path.open("rb") as file:
                    file.read(1)
            broken: list[tuple[str, str]] = []
            records = read_fields(files[0], on_broken=partial(_note, broken)) if files else iter(())
            first = next(records, None)
        except (HanhuaError, OSError) as error:
            tree.wrong(at, str(error))
            continue
        if files and first is None:
            tree.wrong(at, f"{files[0]}: no record in it" + (f" ({broken[0][1]})" if broken else ""))
        elif first is not None and not isinstance(first[1].get(corpus.text_field), str):
            found = ", ".join(first[1])
            tree.wrong(at, f"{files[0]}: its first record has no text in {corpus.text_field!r}; fields: {found}")


def check_fit(recipe: Recipe, tree: Tree) -> None:
    """Refuse hardware that training does not fit, with what would."""
    from hanhua.pipeline.planning.estimate import estimate_recipe

    try:
        found = estimate_recipe(recipe)
    except HanhuaError:
        return  # told by others: a base or a corpus that cannot be read
    if found.training is None or found.fits:
        return
    need, has = found.training.memory_bytes / 1e9, found.training.device_memory_bytes / 1e9
    options = "; or ".join(found.training.remedies) or "no change of settings alone would be enough"
    tree.wrong(
        ("hardware", "devices"),
        f"training needs {need:,.1f} GB per device, and one of {recipe.hardware.devices} has {has:,.0f}; "
        f"what would fit: {options}",
    )


def _note(broken: list[tuple[str, str]], place: str, why: str) -> None:
    broken.append((place, why))


READINESS = (check_base_folder, check_corpora, check_fit)
