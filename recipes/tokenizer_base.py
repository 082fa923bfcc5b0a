"""The stage `base` of a recipe that works on the vocabulary alone: a tokenizer, no weights."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.manifest import Artifact
from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.skills import Skills

WANTED = ("tokenizer*.json", "special_tokens_map.json", "chat_template.jinja", "LICENSE*", "USE_POLICY*", "NOTICE*")


def prepare_tokenizer(
    config: Mapping[str, Any], inputs: Mapping[str, Artifact], out: Path, *, skills: Skills
) -> dict[str, Any]:
    """Put the tokenizer config["tokenizer"] names (llama3, a folder, a Hub id) into `out/model`."""
    del inputs, skills
    source = resolve_base_tokenizer(config["tokenizer"])
    target = out / "model"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for pattern in WANTED:
        for path in sorted(source.glob(pattern)):
            shutil.copyfile(path, target / path.name)
    return {"stand_in": False, "tokenizer_only": True, "name": Path(config["tokenizer"]).name}
