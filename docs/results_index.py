"""The pages of `docs/results/`, and the index made of what stands at the head of each.

    python docs/results_index.py             # writes docs/results/index.md and index.zh-CN.md
    python docs/results_index.py --check     # writes nothing; ends with 1 when a committed index is stale

A page is one measurement: `YYYY-MM-DD-topic.md`, with its figures as JSON in `data/YYYY-MM-DD-topic.json`. Whether it
is current is not written on it: it is superseded when another page names it under `supersedes`. What the index says
around its tables stands in `results_index.md.template` and its Chinese twin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from made_pages import write_or_check

FOLDER = Path(__file__).parent / "results"
COMMAND = "python docs/results_index.py"
AREAS = {
    "quickstart": ("Quickstart", "快速上手"),
    "recipes": ("Recipes", "配方"),
    "vocab-extension": ("Vocabulary extension", "扩展词表"),
    "filtering": ("Filtering", "过滤"),
    "harm": ("Harmful content", "有害内容"),
    "training": ("Training", "训练"),
    "chat": ("Chat", "对话"),
    "evaluation": ("Evaluation", "评测"),
    "publishing": ("Publishing", "发布"),
}
KEYS = ("title", "title_zh", "date", "commit", "machine", "commands", "area")


@dataclass(frozen=True)
class Result:
    """One page's head. name: the file's without `.md`. commit: at least seven hex digits. date: YYYY-MM-DD."""

    name: str
    title: str
    title_zh: str
    date: str
    commit: str
    machine: str
    commands: tuple[str, ...]
    area: str
    supersedes: tuple[str, ...]


def read_results(folder: Path = FOLDER) -> list[Result]:
    """Return the results of a folder, newest first, of one day the current ones first.

    Raises ValueError that names the page and what is wrong with its head.
    """
    found = [_result(path) for path in sorted(folder.glob("*.md")) if not path.name.startswith("index.")]
    names = {result.name: result for result in found}
    for result in found:
        for old in result.supersedes:
            if old not in names:
                raise ValueError(f"{result.name}: supersedes {old}, which has no page")
            if names[old].date > result.date or result.name in (old, *names[old].supersedes):
                raise ValueError(f"{result.name}: supersedes {old}, which is not older")
    replaced = successors(found)
    found.sort(key=lambda result: (result.name in replaced, result.name))
    return sorted(found, key=lambda result: result.date, reverse=True)


def successors(results: Sequence[Result]) -> dict[str, list[str]]:
    """Return, for each superseded result, the names of those that supersede it."""
    found: dict[str, list[str]] = {}
    for result in results:
        for old in result.supersedes:
            found.setdefault(old, []).append(result.name)
    return found


def index_text(results: Sequence[Result], *, chinese: bool = False) -> str:
    """Return the index in one language."""
    replaced = successors(results)
    titles = {result.name: result.title_zh if chinese else result.title for result in results}
    head, current, by = ("日期 | 结果 | 提交 | 状态", "有效", "已被取代：") if chinese else (
        "date | result | commit | status", "current", "superseded by ",
    )  # fmt: skip
    groups = []
    for area, names in AREAS.items():
        rows = []
        for result in (one for one in results if one.area == area):
            newer = ", ".join(f"[{titles[name]}]({name}.md)" for name in sorted(replaced.get(result.name, ())))
            status = f"{by}{newer}" if newer else current
            rows.append(f"| {result.date} | [{titles[result.name]}]({result.name}.md) | `{result.commit}` | {status} |")
        if rows:
            groups.append("\n".join([f"\n## {names[chinese]}\n", f"| {head} |", "|---|---|---|---|", *rows, ""]))
    template = Path(__file__).with_name(f"results_index{'.zh-CN' if chinese else ''}.md.template")
    return template.read_text(encoding="utf-8").format(command=COMMAND, groups="".join(groups))


def indexes(folder: Path = FOLDER) -> dict[Path, str]:
    """Return both index files with what they should hold."""
    results = read_results(folder)
    return {folder / "index.md": index_text(results), folder / "index.zh-CN.md": index_text(results, chinese=True)}


def page_head(name: str, results: Sequence[Result]) -> str:
    """Return what the site shows of a page's head: whether it is superseded, commit, machine, commands, JSON."""
    result = next(one for one in results if one.name == name)
    titles = {one.name: one.title for one in results}
    newer = [f"[{titles[new]}]({new}.md)" for new in successors(results).get(name, ())]
    notice = f'!!! warning "Superseded"\n\n    A newer measurement: {", ".join(newer)}.\n\n' if newer else ""
    older = ", ".join(f"[{titles[old]}]({old}.md)" for old in result.supersedes)
    rows = [
        ("date", result.date),
        ("commit", f"`{result.commit}`"),
        ("machine", result.machine),
        *([("supersedes", older)] if older else []),
    ]
    table = "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows)])
    commands = "\n".join(f"```text\n{command}\n```" for command in result.commands)
    return f"{notice}{table}\n\n{commands}\n"


def _result(path: Path) -> Result:
    head = _head(path)
    missing = [key for key in KEYS if not head.get(key)]
    unknown = sorted(set(head) - {*KEYS, "supersedes"})
    if missing or unknown:
        raise ValueError(f"{path.name}: its head lacks {missing or 'nothing'} and has unknown {unknown or 'nothing'}")
    date, commit = str(head["date"]), str(head["commit"])
    if not re.fullmatch(rf"{re.escape(date)}-[a-z0-9-]+", path.stem):
        raise ValueError(f"{path.name}: its date is {date}; the name should be {date}-topic.md")
    if not re.fullmatch(r"[0-9a-f]{7,40}", commit):
        raise ValueError(f"{path.name}: commit is {commit!r}; quote seven or more hex digits")
    if head["area"] not in AREAS:
        raise ValueError(f"{path.name}: area is {head['area']!r}; known are {', '.join(AREAS)}")
    return Result(
        path.stem, str(head["title"]), str(head["title_zh"]), date, commit, str(head["machine"]),
        tuple(head["commands"]), head["area"], tuple(head.get("supersedes") or ()),
    )  # fmt: skip


def _head(path: Path) -> Mapping[str, Any]:
    parts = path.read_text(encoding="utf-8").split("---\n", 2)
    head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    if not isinstance(head, dict):
        raise ValueError(f"{path.name}: begins with no head between two lines of `---`")
    return head


def main() -> None:
    """Write both indexes, or with `--check` say which are stale."""
    write_or_check(indexes(), command=COMMAND)


if __name__ == "__main__":
    main()
