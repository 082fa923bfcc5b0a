"""Forms by name, out of YAML files: those that come with Hanhua, and those of a folder of one's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import Field, model_validator

from hanhua.config_fields import Section
from hanhua.errors import InputError, UsageError
from hanhua.mistakes import nearest
from hanhua.synthesis.forms.form import Form, Limits, SeedLanguage, Shape
from hanhua.synthesis.forms.wording import AUDIENCES, CONVERSIONS, FAITHFUL, SCRIPTS, SYSTEM, Audience, FormScript
from hanhua.yaml_files import read_yaml_as
from hanhua.zh_text.conversion import open_converter

_HERE = Path(__file__).parent
Known = TypeVar("Known", bound=str)

_NAME = re.compile(r"(?P<kind>[^@:]+)(?:@(?P<audience>[^@:]+))?(?::(?P<script>[^@:]+))?")


class FormFile(Section):
    """A form as its file says it."""

    title: str = Field(description="What it is called in Chinese")
    shape: Shape = Field(description="What an answer must look like")
    faithful: bool = Field(description="Whether every number, date and Latin name must stand in the source")
    language: SeedLanguage = Field(default="zh", description="Language of the seeds it takes")
    audiences: bool = Field(default=True, description="Whether it is written for an audience")
    max_output_tokens: int = Field(default=1500, ge=16, description="Longest answer that is paid for")
    limits: Limits = Field(default=Limits(), description="Where an answer is no longer one")
    task: str = Field(description="What is asked for; {passage} and {context} stand for the seed")

    @model_validator(mode="after")
    def _takes_a_passage(self) -> FormFile:
        if "{passage}" not in self.task:
            raise ValueError("task has no {passage}, so the teacher would be given nothing to write from")
        return self


def form_kinds(*, folder: Path | None = None) -> list[str]:
    """Return the names of the forms' files; those of a folder of one's own come in place of shipped ones."""
    return sorted(_files(folder))


def load_forms(names: Sequence[str], *, folder: Path | None = None) -> list[Form]:
    """Return forms by name: `KIND`, `KIND@AUDIENCE`, `KIND:SCRIPT` or `KIND@AUDIENCE:SCRIPT`.

    Without an audience a form that has some is for all of them, one form each; without a script it is Simplified.
    folder: YAML files of one's own. Raises UsageError for a name that is not known, with the nearest one, and
    InputError for a file with mistakes.
    """
    files = _files(folder)
    forms = [form for name in names for form in _forms_of(name, files)]
    return list({form.name: form for form in forms}.values())


def _files(folder: Path | None) -> dict[str, Path]:
    if folder is not None and not folder.is_dir():
        raise InputError(f"{folder}: no such folder of forms")
    places = [_HERE, *([folder] if folder is not None else [])]
    return {path.stem: path for place in places for path in sorted(place.glob("*.yaml"))}


def _forms_of(name: str, files: dict[str, Path]) -> list[Form]:
    match = _NAME.fullmatch(name.strip())
    if match is None:
        raise UsageError(f"{name!r} is no name of a form: KIND, KIND@AUDIENCE or KIND@AUDIENCE:SCRIPT")
    kind = match["kind"]
    if kind not in files and kind.endswith((".yaml", ".yml")):
        raise UsageError(
            f"{name!r}: name a form of your own by its file without the ending, {Path(kind).stem!r}, and say "
            "where the file is with synthesis.form_folder"
        )
    kind = _known(kind, sorted(files), "form")
    writing: FormScript = _known(match["script"] or "hans", get_args(FormScript), "script")
    said = read_yaml_as(FormFile, files[kind])
    if not said.audiences:
        if match["audience"] is not None:
            raise UsageError(f"{name}: the form {kind!r} has no audiences; say {kind}")
        return [_made(kind, said, None, writing)]
    wanted = [_known(match["audience"], tuple(AUDIENCES), "audience")] if match["audience"] else tuple(AUDIENCES)
    return [_made(kind, said, audience, writing) for audience in wanted]


def _known(word: str, known: Sequence[Known], what: str) -> Known:
    found = next((one for one in known if one == word), None)
    if found is None:
        near = nearest(word, known)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
        raise UsageError(f"no {what} {word!r} ({hint})")
    return found


def _made(kind: str, said: FormFile, audience: Audience | None, script: FormScript) -> Form:
    asked = [SYSTEM, *([FAITHFUL] if said.faithful else []), *([AUDIENCES[audience]] if audience else [])]
    conversion = CONVERSIONS[script]
    convert = open_converter(conversion) if conversion is not None else str
    return Form(
        kind=kind,
        audience=audience,
        script=script,
        title=said.title,
        faithful=said.faithful,
        language=said.language,
        shape=said.shape,
        max_output_tokens=said.max_output_tokens,
        system=convert("".join(asked)) + SCRIPTS[script],
        user=convert(said.task.strip()),
        limits=said.limits,
    )
