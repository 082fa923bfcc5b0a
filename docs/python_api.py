"""The page of the functions of `hanhua`, made of their signatures and docstrings.

    python docs/python_api.py             # writes docs/python-api.md and docs/python-api.zh-CN.md
    python docs/python_api.py --check     # writes nothing; ends with 1 when a committed page is stale

What the pages say around the functions, and the Chinese of each, stands in `python_api.md.template` and
`python_api.zh-CN.yaml`.
"""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from made_pages import write_or_check

import hanhua

DOCS = Path(__file__).parent
COMMAND = "python docs/python_api.py"
ORDER = (
    "filter_texts", "score", "learn", "verify", "measure", "resize", "train", "evaluate", "restore", "publish",
)  # fmt: skip
"""In the order of the work."""
STAGES = ("filtering", "vocab_extension", "continued_pretrain", "eval", "base", "release", "report")


def pages() -> dict[Path, str]:
    """Return both pages with what they should hold."""
    chinese = yaml.safe_load((DOCS / "python_api.zh-CN.yaml").read_text(encoding="utf-8"))
    english = (DOCS / "python_api.md.template").read_text(encoding="utf-8")
    return {
        DOCS / "python-api.md": _page(english, {}),
        DOCS / "python-api.zh-CN.md": _page(chinese["page"], chinese["functions"]),
    }


def _page(template: str, translated: dict[str, str]) -> str:
    functions = "\n".join(_function(name, translated.get(name)) for name in ORDER)
    rows = "\n".join(_stage(stage) for stage in STAGES)
    return template.format(command=COMMAND, functions=functions, stages=rows)


def _function(name: str, translated: str | None) -> str:
    function: Callable[..., Any] = getattr(hanhua, name)
    prose, _, example = (inspect.getdoc(function) or "").partition("\n\n>>> ")
    signature = _signature(name, function)
    text = translated.rstrip() if translated else prose.rstrip()
    return f"## `{name}`\n\n```python\n{signature}\n```\n\n{text}\n\n```python\n{_plain('>>> ' + example)}\n```\n"


def _signature(name: str, function: Callable[..., Any]) -> str:
    """Return a function's signature, a parameter a line where it is long."""
    signature = inspect.signature(function)
    short = f"{name}{signature}".replace("'", "")
    if len(short) <= 100:
        return short
    lines, star = [], False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            lines.append("    *,")
            star = True
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        mark = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        lines.append(f"    {mark}{parameter.name}: {parameter.annotation}{default},".replace("'", '"'))
    return "\n".join([f"{name}(", *lines, f") -> {signature.return_annotation}"])


def _plain(example: str) -> str:
    """Return an example as it is typed, what it shows as a comment."""
    lines = []
    for part in doctest.DocTestParser().get_examples(example):
        if lines and lines[-1].startswith("import ") and not part.source.startswith("import "):
            lines.append("")  # as ruff formats code in Markdown too
        lines.append(part.source.rstrip())
        lines += [f"# {line}" for line in part.want.rstrip().split("\n") if line]
    return "\n".join(lines)


def _stage(name: str) -> str:
    names = ", ".join(f"`{one}`" for one in import_module(f"hanhua.{name}").__all__)
    return f"| `hanhua.{name}` | {names} |"


def main() -> None:
    """Write both pages, or with `--check` say which are stale."""
    write_or_check(pages(), command=COMMAND)


if __name__ == "__main__":
    main()
