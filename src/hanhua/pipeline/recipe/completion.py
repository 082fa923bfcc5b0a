"""Values that one section of a recipe takes from another when it does not set them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.section_settings import PriceSettings
from hanhua.documents.compression import bare_suffix
from hanhua.documents.places import FORMATS
from hanhua.errors import InputError
from hanhua.eval.config import Benchmark
from hanhua.eval.tasks.definition import load_task
from hanhua.eval.tasks.lm_eval_tasks import harness_name
from hanhua.eval.tasks.rows import find_files
from hanhua.filtering.config import FilteringConfig
from hanhua.hub_questions import HubQuestions
from hanhua.model_scope import ModelScopeName, is_modelscope, parse_modelscope
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.synthesis.settings import SynthesisConfig


def completed(recipe: Recipe) -> Recipe:
    """Return the recipe with what its sections take from one another filled in."""
    changes: dict[str, Any] = {
        "filtering": _filtering(recipe),
        "synthesis": _synthesis(recipe),
        "continued_pretrain": _training(recipe),
    }
    return recipe.model_copy(update={name: value for name, value in changes.items() if value is not None})


def _filtering(recipe: Recipe) -> FilteringConfig | None:
    """Return the section with the evaluation's questions: what the recipe measures on must not be trained on."""
    config = recipe.filtering
    if config is None or config.preset == "none" or config.decontamination.benchmarks or recipe.eval is None:
        return config
    local, hub = questions_of(recipe.eval.benchmarks)
    asked = {"benchmarks": tuple(dict.fromkeys(local)), "hub_benchmarks": tuple(hub)}
    return config.model_copy(update={"decontamination": config.decontamination.model_copy(update=asked)})


def _synthesis(recipe: Recipe) -> SynthesisConfig | None:
    """Return the section with the questions of evaluation and filtering: what is measured on no output may hold."""
    config = recipe.synthesis
    if config is None or config.benchmarks or config.hub_benchmarks:
        return config
    local, hub = questions_of(recipe.eval.benchmarks if recipe.eval is not None else ())
    if recipe.filtering is not None:
        local += recipe.filtering.decontamination.benchmarks
        hub += recipe.filtering.decontamination.hub_benchmarks
    each_once = {one.model_dump_json(): one for one in hub}
    asked = {"benchmarks": tuple(dict.fromkeys(local)), "hub_benchmarks": tuple(each_once.values())}
    return config.model_copy(update=asked)


def questions_of(benchmarks: Iterable[Benchmark]) -> tuple[list[str], list[HubQuestions]]:
    """Return where the questions and the solved examples of benchmarks are: files and folders here, sets of the Hub.

    Of a folder of many benchmarks only the task's own files are read.
    """
    local: list[str] = []
    hub: list[HubQuestions] = []
    for one in benchmarks:
        if harness_name(one.task) is not None:
            continue  # lm_eval brings its own questions, and says nowhere where they lie
        task = load_task(one.task)
        for rows, path in ((task.data, one.path), (task.examples, one.fewshot_path)):
            if path is not None:
                local += [path] if is_modelscope(path) or Path(path).exists() else []
            elif rows is None or (rows is task.examples and one.path is not None):
                continue
            elif rows.files is not None and one.data is not None and is_modelscope(one.data):
                found = parse_modelscope(one.data)
                pattern = rows.layouts[0] if len(rows.layouts) == 1 else None  # of several layouts any may be there
                local.append(str(ModelScopeName(found.repo, found.revision, pattern)))
            elif rows.files is not None and one.data is not None:
                below = (_files_below(Path(one.data), pattern) for pattern in rows.layouts)
                local += next(filter(None, below), [])
            elif rows.hub is not None:
                ids = {name: one.revisions[name] for name in rows.hub_ids() if name in one.revisions}
                hub.append(HubQuestions(repo=rows.hub, configs=rows.configs, split=rows.split, revisions=ids))
    return local, list({one.model_dump_json(): one for one in hub}.values())


def _files_below(data: Path, pattern: str) -> list[str]:
    """Return the files a task's pattern names below a folder; the folders they fill, where they fill them."""
    try:
        files = find_files(data / pattern)
    except InputError:
        return []  # the evaluation says what it misses
    folders: dict[Path, set[Path]] = {file.parent: set() for file in files}
    for file in files:
        folders[file.parent].add(file)
    whole = {folder for folder, own in folders.items() if own == set(_find_all(folder))}
    return [str(folder) for folder in folders if folder in whole] + [
        str(file) for file in files if file.parent not in whole
    ]


def _find_all(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and bare_suffix(file) in FORMATS]


def _training(recipe: Recipe) -> ContinuedPretrainConfig | None:
    """Return the section with the corpora's weights and the price of the hardware."""
    config = recipe.continued_pretrain
    if config is None:
        return None
    if not config.weights:
        weights = {name: corpus.weight for name, corpus in recipe.corpora.items()}
        config = config.model_copy(update={"weights": weights})
    if config.price is None:
        config = config.model_copy(update={"price": training_price(recipe)})
    return config


def training_price(recipe: Recipe) -> PriceSettings | None:
    """Return what a device of the recipe's hardware costs, for the cost shown during training; None where unknown."""
    hardware = recipe.hardware.machine()
    if not hardware.price_per_device_hour:
        return None
    return PriceSettings(dollars_per_hour=hardware.price_per_device_hour, device=hardware.kind)
