"""What `hanhua init` finds on this machine before it asks: models on disk, GPUs, what some texts look like."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hanhua.continued_pretrain.devices import device_of_driver
from hanhua.documents.places import expand_paths
from hanhua.documents.readers import read_fields
from hanhua.errors import InputError
from hanhua.pipeline.recipe.config_file import at_home
from hanhua.zh_text.scripts import is_han

MAX_FOLDERS = 400
SAMPLED_RECORDS = 50
SHOWN_CHARACTERS = 60
_TEXT_FIELDS = ("text", "content", "body", "正文", "内容")


def models_here() -> list[str]:
    """Return folders of Llama models near the current one, and in the usual places for downloads; the nearest first."""
    home = Path.home()
    places = [Path(), Path("models"), home / "models", Path("/models"), Path("/data/models")]
    cached = [home / ".cache" / "modelscope", home / ".cache" / "huggingface" / "hub"]
    found: dict[str, None] = {}
    for place in [*places, *(folder for root in cached for folder in _snapshots(root))]:
        try:
            folders = [place, *islice((one for one in sorted(place.iterdir()) if one.is_dir()), MAX_FOLDERS)]
        except OSError:
            continue
        found |= dict.fromkeys(str(folder) for folder in folders if _is_llama(folder))
    return list(found)


def _snapshots(root: Path) -> list[Path]:
    return sorted(root.glob("models*/**/snapshots"))[:MAX_FOLDERS] if root.is_dir() else []


def _is_llama(folder: Path) -> bool:
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and settings.get("model_type") == "llama"


def devices_here() -> tuple[str, str] | None:
    """Return this machine's GPUs as a recipe names them, and as the driver does; None without `nvidia-smi`.

    A card that is not in the table is named by its memory, with what is missing told by `find_hardware`.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    line = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [row.rsplit(",", 1) for row in done.stdout.splitlines() if "," in row]
    if not rows:
        return None
    (name, mebibytes), count = Counter((one.strip(), size.strip()) for one, size in rows).most_common(1)[0]
    device = device_of_driver(name, memory_gb=int(mebibytes) / 1024 if mebibytes.isdigit() else None)
    if device is None:
        return None
    return f"{count}x{device.name}", f"{count} × {name}"


@dataclass(frozen=True)
class LookedAt:
    """What some texts look like. text_field: of a record; language: zh, en or other; sample: the beginning of one."""

    files: int
    size_bytes: int
    text_field: str
    language: str
    sample: str


def look_at_texts(path: str) -> LookedAt:
    """Return what the files of a path, folder or glob look like, from the first records of the first one.

    Raises InputError where there is no file, none can be read, or no field of a record holds text.
    """
    files = expand_paths(str(at_home(path)))
    records: list[Mapping[str, Any]] = [
        fields for _, fields in islice(read_fields(files[0], on_broken=lambda place, why: None), SAMPLED_RECORDS)
    ]
    if not records:
        raise InputError(f"{files[0]}: no record in it")
    field = _text_field(records[0])
    if field is None:
        raise InputError(f"{files[0]}: no field of its first record holds text ({', '.join(records[0])})")
    texts = [str(record.get(field) or "") for record in records]
    sample = " ".join(texts[0].split())[:SHOWN_CHARACTERS]
    return LookedAt(len(files), sum(file.stat().st_size for file in files), field, _language("".join(texts)), sample)


def _text_field(record: Mapping[str, Any]) -> str | None:
    named = [name for name in _TEXT_FIELDS if isinstance(record.get(name), str)]
    if named:
        return named[0]
    texts = {name: len(value) for name, value in record.items() if isinstance(value, str) and len(value) > 20}
    return max(texts, key=lambda name: texts[name], default=None)


def _language(text: str) -> str:
    letters = [character for character in text[:20_000] if character.isalpha()]
    if not letters:
        return "other"
    han = sum(map(is_han, letters)) / len(letters)
    latin = len(re.findall("[A-Za-z]", "".join(letters))) / len(letters)
    return "zh" if han > 0.3 else "en" if latin > 0.9 else "other"


def is_writable(path: Path) -> bool:
    """Return whether a file could be written there."""
    return os.access(path.absolute().parent, os.W_OK)
