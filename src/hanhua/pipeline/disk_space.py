"""A disk that is full, or will be: which one, how much is free, and how much a run needs."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from hanhua.errors import HanhuaError
from hanhua.pipeline.plan_steps import Step
from hanhua.pipeline.planning.estimate import estimate_recipe
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.progress import data_size

_FULL = "No space left on device"


def is_full(error: BaseException) -> bool:
    """Return whether an error is that of a full disk, whatever library it went through."""
    return (isinstance(error, OSError) and error.errno == errno.ENOSPC) or _FULL in str(error)


def full_disk_message(error: BaseException, out: Path) -> str:
    """Return what to tell: the file or folder, the disk's size and what is free, and what to do."""
    place = Path(str(getattr(error, "filename", None) or out))
    usage = shutil.disk_usage(_existing(out))
    return (
        f"{place}: the disk is full ({data_size(usage.free)} of {data_size(usage.total)} free); what is finished is "
        "kept. Free some space (`hanhua clean RUN` lists what no recipe uses, `hanhua plan` what each stage needs), "
        "or put --runs on another disk, and run the same command again"
    )


def lacking_space(recipe: Recipe, steps: list[Step], folder: Path) -> str:
    """Return a warning when the stages to be made need more disk than is free, else nothing."""
    try:
        found = estimate_recipe(recipe)
    except HanhuaError:
        return ""  # what cannot be estimated is told by its own stage
    todo = [step.stage for step in steps if step.state != "cached"]
    need, free = found.total("disk_bytes", todo), shutil.disk_usage(_existing(folder)).free
    if not need or need <= free:
        return ""
    stages = [(name, found.stages[name].disk_bytes) for name in todo if name in found.stages]
    largest = ", ".join(f"{name} {data_size(size)}" for name, size in stages if size and size > need / 20)
    return f"{folder}: about {data_size(need)} of disk will be needed ({largest}), and {data_size(free)} are free there"


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
