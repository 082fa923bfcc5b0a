"""The configuration reference, written from the schema: every key a recipe may have, its kind, default and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hanhua.pipeline.recipe.schema import Recipe

Language = Literal["en", "zh"]
_WORDS = {
    "en": {
        "title": "Configuration",
        "intro": "Every key of a recipe, written from its schema by `hanhua recipes reference`. An editor checks and "
        "completes a recipe by the same schema: `hanhua recipes schema > recipe.schema.json`, and as the first "
        "line of a recipe `# yaml-language-server: $schema=recipe.schema.json`.",
        "extends": "One more key, `extends`, names a recipe (a file, or a shipped one) whose values are the defaults. "
        "`-s a.b=value` on the command line overrides it. `${env:NAME}` is replaced by an environment variable, never "
        "for a secret. A section that is absent is not run; `null` removes an inherited one.",
        "heads": "| key | kind | default | meaning |",
        "required": "required",
        "below": "as below",
    },
    "zh": {
        "title": "配置参考",
        "intro": "配方的全部键，由 `hanhua recipes reference --language zh` 根据 schema 生成。"
        "编辑器可以用同一份 schema 检查和补全：`hanhua recipes schema > recipe.schema.json`，"
        "并在配方第一行写上 `# yaml-language-server: $schema=recipe.schema.json`。",
        "extends": "另有一个键 `extends`：写一个配方（文件或自带配方的名字），它的值作为默认值。"
        "命令行的 `-s a.b=value` 优先级最高。`${env:NAME}` 取环境变量，但不能用来放密钥。"
        "没有写的一节不会运行；写 `null` 可以去掉继承来的一节。",
        "heads": "| 键 | 类型 | 默认值 | 含义 |",
        "required": "必填",
        "below": "见下",
    },
}


KINDS_ZH = {
    "list of ": "列表：",
    "mapping of names to ": "名字到值：",
    "section": "一节",
    "whole number": "整数",
    "number": "数",
    "text": "文本",
    "true or false": "true 或 false",
    " or ": " 或 ",
}
"""The words of `kind_of`, the longer before those they contain."""


def chinese() -> dict[str, dict[str, str]]:
    """Return the Chinese of the reference: class of the schema → key (`about` for the class) → what it means."""
    path = Path(__file__).with_name("configuration.zh-CN.yaml")
    found: dict[str, dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def reference_markdown(language: Language = "en") -> str:
    """Return the whole reference as a Markdown page."""
    words = _WORDS[language]
    parts = [f"# {words['title']}", words["intro"], words["extends"]]
    for at, model in sections(Recipe, ()):
        heading = ".".join(at) if at else "name, …"
        meanings = chinese()[model.__name__] if language == "zh" else english(model)
        parts += [f"## {heading}", meanings["about"], "\n".join(_table(model, meanings, language))]
    return "\n\n".join(part for part in parts if part) + "\n"


def english(model: type[BaseModel]) -> dict[str, str]:
    """Return what the schema itself says of a class, under `about`, and of its keys."""
    about = " ".join((model.__doc__ or "").split(">>>")[0].split("\n\n")[0].split())
    return {"about": about, **{name: field.description or "" for name, field in model.model_fields.items()}}


def sections(model: type[BaseModel], at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Yield every mapping of keys, the outermost first, by its place; `*` is any name or number of the user's."""
    yield at, model
    for name, field in model.model_fields.items():
        for inner, step in _models(field.annotation):
            yield from sections(inner, (*at, name, *step))


def _models(annotation: Any, step: tuple[str, ...] = ()) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, step
    elif get_origin(annotation) in (dict, tuple, list):
        for member in get_args(annotation):
            yield from _models(member, ("*",))
    else:
        for member in get_args(annotation):
            yield from _models(member, step)


def _table(model: type[BaseModel], meanings: dict[str, str], language: Language) -> Iterator[str]:
    words = _WORDS[language]
    yield words["heads"]
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        kind = kind_of(field.annotation)
        if language == "zh":
            for here, there in KINDS_ZH.items():
                kind = kind.replace(here, there)
        default = words["required"] if field.is_required() else _default(field, words["below"])
        row = (f"`{name}`", kind + limits_of(field), default, meanings.get(name, ""))
        yield "| " + " | ".join(map(_cell, row)) + " |"


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


def _default(field: FieldInfo, below: str) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return below
    if isinstance(value, float) and value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
