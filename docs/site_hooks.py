"""Builds what the site does not keep as files: the configuration reference, the recipe's schema, the order of pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PAGES = (
    "index",
    "quickstart",
    "worth-it",
    "recipes",
    "vocab-extension",
    "filtering",
    "harmful-content",
    "training",
    "chat",
    "evaluation",
    "publishing",
    "configuration",
    "troubleshooting",
    "performance",
)
DOCS = Path(__file__).parent


def on_config(config: Any) -> Any:
    """Write the generated pages and set the order: English, then Chinese; a page that is not there is left out."""
    from hanhua.pipeline.recipe.json_schema import recipe_json_schema
    from hanhua.pipeline.recipe.reference import reference_markdown

    _write(DOCS / "configuration.md", reference_markdown("en"))
    _write(DOCS / "configuration.zh-CN.md", reference_markdown("zh"))
    _write(DOCS / "recipe.schema.json", json.dumps(recipe_json_schema(), ensure_ascii=False, indent=2) + "\n")
    english = [f"{page}.md" for page in PAGES if (DOCS / f"{page}.md").is_file()]
    chinese = [f"{page}.zh-CN.md" for page in PAGES if (DOCS / f"{page}.zh-CN.md").is_file()]
    config["nav"] = [*english, {"中文": chinese}]
    return config


def _write(path: Path, text: str) -> None:
    # Unchanged files keep their time, so that `mkdocs serve` does not build for ever.
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
