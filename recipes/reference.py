"""The configuration reference, written from the schema: every key a recipe may have, its kind, default and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hanhua.recipes.schema import Recipe

Language = Literal["en", "zh"]
_WORDS = {
    "en": {
        "title": "Configuration",
        "intro": "Every key of a recipe, written from its schema by `hanhua recipes reference`. An editor checks and "
        "completes a recipe by the same schema: `hanhua recipes schema > recipe.schema.json`, and as the first "
        "line of a recipe `# yaml-language-server: $schema=recipe.schema.json`.",
        "extends": "One more key, `extends`, names a recipe (a file, or a shipped one) whose values are the defaults. "
        "`-s a.b=value` on the command line comes last. `${env:NAME}` stands for an environment variable, but never "
        "for a secret. A section that is absent is not run; `null` takes away an inherited one.",
        "heads": "| key | kind | default | meaning |",
        "required": "required",
    },
    "zh": {
        "title": "配置参考",
        "intro": "配方的全部键，由 `hanhua recipes reference --language zh` 根据 schema 生成（说明为英文）。"
        "编辑器可以用同一份 schema 检查和补全：`hanhua recipes schema > recipe.schema.json`，"
        "并在配方第一行写上 `# yaml-language-server: $schema=recipe.schema.json`。",
        "extends": "另有一个键 `extends`：写一个配方（文件或自带配方的名字），它的值作为默认值。"
        "命令行的 `-s a.b=value` 优先级最高。`${env:NAME}` 取环境变量，但不能用来放密钥。"
        "没有写的一节不会运行；写 `null` 可以去掉继承来的一节。",
        "heads": "| 键 | 类型 | 默认值 | 含义 |",
        "required": "必填",
    },
}


def reference_markdown(language: Language = "en") -> str:
    """Return the whole reference as a Markdown page."""
    words = _WORDS[language]
    parts = [f"# {words['title']}", words["intro"], words["extends"]]
    for at, model in _sections(Recipe, ()):
        heading = ".".join(at) if at else "name, …"
        about = " ".join((model.__doc__ or "").split(">>>")[0].split("\n\n")[0].split())
        parts += [f"## {heading}", about, "\n".join(_table(model, words))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sections(model: type[BaseModel], at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Yield every mapping of keys, the outermost first, by its place; `*` stands for a name or number of yours."""
    yield at, model
    for name, field in model.model_fields.items():
        for inner, step in _models(field.annotation):
            yield from _sections(inner, (*at, name, *step))


def _models(annotation: Any, step: tuple[str, ...] = ()) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, step
    elif get_origin(annotation) in (dict, tuple, list):
        for member in get_args(annotation):
            yield from _models(member, ("*",))
    else:
        for member in get_args(annotation):
            yield from _models(member, step)


def _table(model: type[BaseModel], words: dict[str, str]) -> Iterator[str]:
    yield words["heads"]
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        kind = kind_of(field.annotation) + limits_of(field)
        default = words["required"] if field.is_required() else _default(field)
        yield "| " + " | ".join(_cell(part) for part in (f"`{name}`", kind, default, field.description or "")) + " |"


def kind_of(annotation: Any) -> str:
    """Return a type in plain words.

    >>> kind_of(float | None), kind_of(Literal["a", "b"])
    ('number or null', '`a`, `b`')
    """
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{member}`" for member in members)
    if origin is Union or type(annotation).__name__ == "UnionType":
        return " or ".join(kind_of(member) for member in members)
    if origin in (tuple, list):
        return "list of " + kind_of(members[0])
    if origin is dict:
        return "mapping of names to " + kind_of(members[1])
    if origin is not None and members:
        return kind_of(members[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    plain = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null"}
    return plain.get(annotation, str(annotation))


def limits_of(field: FieldInfo) -> str:
    """Return a field's limits, such as ` ≥ 0, < 1`."""
    signs = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
    found = [
        f"{sign} {getattr(limit, attribute):g}"
        for kind, (sign, attribute) in signs.items()
        for limit in field.metadata
        if isinstance(limit, kind)
    ]
    return " " + ", ".join(found) if found else ""


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, float) and value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
