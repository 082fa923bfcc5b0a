"""Builds what the site makes of other things: configuration reference, schema, index of results, functions for Python.

It also sets the order of pages, and shows at the top of each result what stands in its file's head.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from python_api import pages
from results_index import indexes, page_head, read_results

PAGES = (
    "index",
    "quickstart",
    "view",
    "gguf",
    "worth-it",
    "recipes",
    "other-hubs",
    "vocab-extension",
    "filtering",
    "harmful-content",
    "labeling",
    "training",
    "coming-from",
    "hardware",
    "chat",
    "evaluation",
    "benchmark-prompts",
    "publishing",
    "configuration",
    "python-api",
    "troubleshooting",
    "glossary",
    "results/index",
)
DOCS = Path(__file__).parent
REFERENCE = "`hanhua recipes reference`"


def on_config(config: Any) -> Any:
    """Write the generated pages and set the order: English, then Chinese; a page that is not there is left out."""
    from hanhua.pipeline.recipe.json_schema import recipe_json_schema
    from hanhua.pipeline.recipe.reference import reference_markdown

    _write(DOCS / "configuration.md", reference_markdown("en"))
    _write(DOCS / "configuration.zh-CN.md", reference_markdown("zh"))
    _write(DOCS / "recipe.schema.json", json.dumps(recipe_json_schema(), ensure_ascii=False, indent=2) + "\n")
    for path, text in {**indexes(), **pages()}.items():
        _write(path, text)
    english = [f"{page}.md" for page in PAGES if (DOCS / f"{page}.md").is_file()]
    chinese = [f"{page}.zh-CN.md" for page in PAGES if (DOCS / f"{page}.zh-CN.md").is_file()]
    config["nav"] = [*english, {"中文": chinese}]
    return config


def on_page_context(context: Any, *, page: Any, config: Any, **more: Any) -> Any:
    """Give a Chinese page Chinese buttons and search: the theme's language is that of the page being built."""
    config["theme"]["language"] = "zh" if page.file.src_uri.endswith(".zh-CN.md") else "en"
    return context


def on_page_markdown(markdown: str, *, page: Any, **more: Any) -> str:
    """Put below a result's title its commit, machine and commands, and what has superseded it.

    Elsewhere, link the command that prints the configuration reference to its page: only the site has that.
    """
    folder, _, name = page.file.src_uri.rpartition("/")
    if folder != "results":
        ending = ".zh-CN.md" if name.endswith(".zh-CN.md") else ".md"
        return markdown.replace(REFERENCE, f"[{REFERENCE}](configuration{ending})")
    if name.startswith("index."):
        return markdown
    title, _, body = markdown.lstrip().partition("\n")
    return f"{title}\n\n{page_head(name.removesuffix('.md'), read_results())}\n{body}"


def _write(path: Path, text: str) -> None:
    # Unchanged files keep their time, so that `mkdocs serve` does not build for ever.
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
